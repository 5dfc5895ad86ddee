-- claim: leases the next startable task to a worker, or puts the worker to sleep until there can be one.
-- KEYS[1] prefix
-- ARGV[1] worker
-- ARGV[2] execution  chosen by the caller; a repeat gets the same task
-- ARGV[3] lease_us
-- ARGV[4] group  the types it listens to: A,B,C
-- Returns {1, id, queue, tenant, payload, runs, timeout, retry_count, memo} or {0, wait in us or -1}
-- Moves pending -> processing
-- @include claim

-- This worker slept and is busy now: somebody else has to look after what it was woken for or set to wake for.
local function hand_on(taken)
  local relieved = call('DEL', B .. 'wake:' .. worker) == 1
  for type in string.gmatch(group, '[^,]+') do
    local s = limits(type)
    if s.watcher == worker and s.alarm > 0 then
      call('HSET', limits_key(type), 'alarm', '0')
      s.alarm, relieved = 0, true
    end
  end
  if not relieved then return end
  for type in string.gmatch(group, '[^,]+') do
    if type ~= taken and has_work(type) then wake(type) end
  end
end

call('SREM', B .. 'idle:' .. group, worker)
local reply = repeated_grant(worker, execution)
if reply then return reply end
reply = take(worker, execution, tonumber(lease_us), group)
if reply[1] == 1 then hand_on((split(reply[3]))) end
return reply
