-- reap: takes back tasks whose lease has run out, and wakes a sleeper for every queue that has startable work.
-- When nobody has reaped for `gap_us`, Redis or everybody was away and the workers could not renew: such a lease is
-- extended instead, once after each heartbeat.
-- KEYS[1] prefix
-- ARGV[1] lease_us
-- ARGV[2] gap_us
-- ARGV[3] limit
-- ARGV[4] max_crashes
-- Returns {taken back, extended}
-- Moves processing -> pending
-- Moves processing -> failed
-- @include lose
local last = tonumber(call('GET', B .. 'reaped') or 0)
call('SET', B .. 'reaped', int(now))
local away = now - last > tonumber(gap_us) or now < last
local lost, extended = 0, 0
for _, type in ipairs(call('SMEMBERS', B .. 'types')) do
  local leases = B .. 'leases:' .. type
  if now < last then -- the clock stepped back: no lease may outlive its worker by the step
    for _, id in ipairs(call('ZRANGEBYSCORE', leases, '(' .. int(now + tonumber(lease_us)), '+inf')) do
      call('ZADD', leases, int(now + tonumber(lease_us)), id)
    end
  end
  for _, id in ipairs(call('ZRANGEBYSCORE', leases, '-inf', int(now), 'LIMIT', 0, limit)) do
    local task = read_task(id)
    if not task or task.status ~= 'processing' then
      call('ZREM', leases, id)
      wake_for_slot(type)
    elseif away and call('HGET', task.key, 'grace') ~= task.lease .. task.last_heartbeat then
      call('HSET', task.key, 'grace', task.lease .. task.last_heartbeat)
      call('ZADD', leases, int(now + tonumber(lease_us)), id)
      extended = extended + 1
    else
      lose(task, tonumber(max_crashes), 'The worker running this task was lost')
      lost = lost + 1
    end
  end
end
for _, queue in ipairs(call('ZRANGE', B .. 'ready', 0, -1)) do
  if call('EXISTS', P .. 'queue:' .. queue) == 1 then wake((split(queue))) end
end
return { lost, extended }
