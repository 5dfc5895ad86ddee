-- claim: leases the next startable task to a worker, or puts the worker to sleep until there can be one.
-- KEYS[1] prefix
-- ARGV[1] worker
-- ARGV[2] execution  chosen by the caller; a repeat gets the same task
-- ARGV[3] lease_us
-- ARGV[4] group  the types it listens to: A,B,C
-- ARGV[5] watching  the type for whose token it slept, or ''
-- Returns {1, id, queue, tenant, payload, runs, timeout, retry_count, memo} or {0, wait in us or -1, type watched or ''}
-- Moves pending -> processing
-- @include claim
call('SREM', B .. 'idle:' .. group, worker)
local reply = repeated_grant(worker, execution) or take(worker, execution, tonumber(lease_us), group)
if reply[1] == 1 and watching ~= '' then -- it will be busy when that token falls due: somebody else has to watch
  call('HSET', limits_key(watching), 'alarm', '0')
  limits(watching).alarm = 0
  if call('EXISTS', P .. 'suspended') == 0 then wake(watching) end
end
return reply
