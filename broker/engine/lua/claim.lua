-- claim: leases the next startable task to a worker, or puts the worker to sleep until there can be one.
-- KEYS[1] prefix
-- ARGV[1] worker
-- ARGV[2] execution  chosen by the caller; a repeat gets the same task
-- ARGV[3] lease_us
-- ARGV[4] group  the types it listens to, with the versions above 1 that it knows: A,B@2,C
-- Returns {1, id, queue, tenant, payload, runs, timeout, retry_count, memo, us until it begins, trace} or {0, wait in us, -1 or -2}
-- Moves pending -> processing
-- Moves pending -> scheduled
-- Moves pending -> cancelled
-- Moves scheduled -> pending
-- @include claim

call('SREM', KEY.idle(group), worker)
local reply = repeated_grant(worker, execution)
if reply then return reply end

for type_name in pairs(types_in(group)) do
  local s = limits(type_name)
  if s.watcher == worker and s.alarm > 0 then -- awake, it watches for nothing
    s.alarm = 0
    call('HSET', KEY.limits(type_name), 'alarm', '0')
  end
end
reply = take(worker, execution, tonumber(lease_us), group)
if reply[1] == 1 then
  -- It may have been woken, or have watched, for another type than that of its task: somebody else has to now.
  local taken = type_of(reply[3])
  for type_name in pairs(types_in(group)) do
    if type_name ~= taken and has_work(type_name) then wake(type_name) end
  end
end
return reply
