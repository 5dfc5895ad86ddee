-- retry: gives a failed task another run, due at once.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] tenant
-- ARGV[3] force  '1' raises max_retries by one first, when they are used up
-- Returns {status found, retry_count, max_retries}: 'failed' and retry_count < max_retries means it is scheduled now
-- Moves failed -> scheduled
-- @include task
local task = read_task(id)
if not task or task.tenant ~= tenant then return { 'missing', 0, 0 } end
if task.status ~= 'failed' then return { task.status, task.retry_count, task.max_retries } end
if task.retry_count >= task.max_retries then
  if force ~= '1' then return { 'failed', task.retry_count, task.max_retries } end
  task.max_retries = task.retry_count + 1
  call('HSET', task.key, 'max_retries', task.max_retries)
end
call('ZREM', P .. 'failed:' .. task.queue, id)
reindex(task, 'failed', 'scheduled')
call('HSET', task.key, 'status', 'scheduled', 'retry_count', task.retry_count + 1, 'crashes', 0, 'scheduled_at', iso(now))
call('HDEL', task.key, 'ended_at')
if task.unique then call('SET', B .. 'unique:' .. tenant .. ':' .. task.type .. ':' .. task.unique, id, 'NX') end
call('ZADD', B .. 'due', int(now), id)
call('ZADD', P .. 'scheduled:' .. task.queue, int(now / 1000000), id)
return { 'failed', task.retry_count, task.max_retries }
