-- retire: removes a worker's record, so that nobody wakes it or counts it any more.
-- KEYS[1] prefix
-- ARGV[1] worker
-- ARGV[2] group
-- Returns 1
-- @include base
local key = P .. 'worker:' .. worker
local queues = call('HGET', key, 'queues') or ''
for queue in string.gmatch(queues, '[^,]+') do call('SREM', P .. 'workers:' .. queue, key) end
call('SREM', P .. 'workers', key)
call('SREM', B .. 'idle:' .. group, worker)
call('DEL', key, key .. ':executions', B .. 'wake:' .. worker)
return 1
