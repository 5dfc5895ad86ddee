-- reap: takes back tasks whose lease has run out, and wakes a sleeper for every queue that has startable work.
-- When nobody has reaped for `gap_us`, Redis or everybody was away and the workers could not renew: such a lease is
-- extended instead, once after each heartbeat.
-- KEYS[1] prefix
-- ARGV[1] lease_us
-- ARGV[2] gap_us
-- ARGV[3] limit
-- ARGV[4] max_crashes
-- Returns {id, type, tenant, worker, run, 'pending' or 'failed', trace of each that was taken back; ids of those extended}
-- Moves processing -> pending
-- Moves processing -> failed
-- Moves processing -> cancelled
-- @include lost_run
lease_us = tonumber(lease_us)
local last = tonumber(call('GET', KEY.reaped()) or 0)
call('SET', KEY.reaped(), now)
local away = now - last > tonumber(gap_us) or now < last
local lost, extended = {}, {}

local function judge(type_name, registry, run)
  local id, execution = string.match(run, '^([^:]+):(.*)$')
  local task = id and read_task(id)
  if not owns_run(task, execution) then -- the task was deleted, or is not run by us
    call('ZREM', registry, run)
    if id then
      call('DEL', KEY.execution(id, execution))
      call('ZREM', KEY.executions(id), execution)
    end
    wake_for_slot(type_name)
  elseif away and call('HGET', task.key, 'grace') ~= task.lease .. task.last_heartbeat then
    call('HSET', task.key, 'grace', task.lease .. task.last_heartbeat)
    set_lease(task, execution, lease_us)
    extended[#extended + 1] = id
  else
    COUNT.add(task.type, 'lease_lost')
    local outcome
    if SHARE.batch_of(task) then -- one of several, and nobody knows which of it has done that
      call('HSET', task.key, 'alone', 1)
      outcome = hand_back(task, true, 'released')
    else
      outcome = record_crash(task, tonumber(max_crashes), 'The worker running this task was lost')
    end
    local runs = call('HGET', task.key, 'runs') or '0'
    local told = { id, task.type, task.tenant, task.worker or '', runs, outcome, trace_of(task) }
    for _, value in ipairs(told) do lost[#lost + 1] = value end
  end
end

for _, type_name in ipairs(call('SMEMBERS', KEY.types())) do
  for _, queue in ipairs(queues_of(type_name)) do
    local registry = KEY.registry('wip', queue)
    if now < last then -- the clock stepped back: no lease may outlive its worker by the step
      local longest = lease_score(now + lease_us)
      for _, run in ipairs(call('ZRANGEBYSCORE', registry, longest, '+inf')) do call('ZADD', registry, longest, run) end
    end
    for _, run in ipairs(call('ZRANGEBYSCORE', registry, '-inf', lease_score(now), 'LIMIT', 0, limit)) do
      judge(type_name, registry, run)
    end
  end
end
for _, type_name in ipairs(call('SMEMBERS', KEY.types())) do CAP.review(type_name) end
for _, queue in ipairs(call('ZRANGE', KEY.ready(), 0, -1)) do
  if waits_in(queue) then wake(type_of(queue)) end
end
return { lost, extended }
