-- register_worker: writes a worker's record in RQ's form and declares its types, at its birth and again and again.
-- KEYS[1] prefix
-- ARGV[1] worker
-- ARGV[2] ttl  seconds that the record outlives its last heartbeat
-- ARGV[3] queues  comma-separated, as RQ writes them
-- ARGV[4] types  as declare.lua takes them
-- ARGV[5..] fields
-- Returns 1 when the worker was not known
-- @include declare
local DRAINED_S = 86400

declare_all(types)
local key = KEY.worker(worker)
local new = call('EXISTS', key) == 0
call('HSET', key, 'last_heartbeat', at(), 'queues', queues, 'ttl', ttl, unpack(fields))
if new or call('HEXISTS', key, 'birth') == 0 then
  call('HSET', key, 'birth', at())
  call('HSETNX', key, 'state', 'idle')
  call('SADD', KEY.workers(), key)
  for queue in string.gmatch(queues, '[^,]+') do call('SADD', KEY.registry('workers', queue), key) end
end
call('EXPIRE', key, ttl)
call('EXPIRE', KEY.draining(worker), DRAINED_S) -- as long as it is there, also as another process under its name
return new and 1 or 0
