-- unregister_worker: removes a worker's record, so that nobody wakes it or counts it any more.
-- KEYS[1] prefix
-- ARGV[1] worker
-- ARGV[2] group
-- Returns 1
-- @include base
local key = KEY.worker(worker)
local queues = call('HGET', key, 'queues') or ''
for queue in string.gmatch(queues, '[^,]+') do call('SREM', KEY.registry('workers', queue), key) end
call('SREM', KEY.workers(), key)
call('SREM', KEY.idle(group), worker)
call('DEL', key, KEY.worker_executions(worker), KEY.wake(worker))
return 1
