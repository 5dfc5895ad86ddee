-- retry: gives a failed task another run, due at once.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] tenant
-- ARGV[3] force  '1' raises max_retries by one first, when they are used up
-- ARGV[4] request  names the caller's request; a repeat of it is answered as the first was
-- Returns {1 when this request scheduled it, else 0, status found, retry_count, max_retries}
-- Moves failed -> scheduled
-- @include task
local task = read_task(id)
if not task or task.tenant ~= tenant then return { 0, 'missing', 0, 0 } end
if call('HGET', task.key, 'retry_request') == request then return { 1, 'failed', task.retry_count, task.max_retries } end
if task.status ~= 'failed' then return { 0, task.status, task.retry_count, task.max_retries } end
if task.retry_count >= task.max_retries then
  if force ~= '1' then return { 0, 'failed', task.retry_count, task.max_retries } end
  task.max_retries = task.retry_count + 1
  call('HSET', task.key, 'max_retries', task.max_retries)
end
call('ZREM', KEY.registry('failed', task.queue), id)
reindex(task, 'scheduled')
call('HSET', task.key, 'status', 'scheduled', 'retry_count', task.retry_count + 1, 'crashes', 0, 'scheduled_at', at(),
  'retry_request', request)
call('HDEL', task.key, 'ended_at')
if task.unique then call('SET', unique_key(task), id, 'NX') end
schedule_at(task, now)
announce(task, 'scheduled', { retry_count = task.retry_count + 1, scheduled_at = at() })
return { 1, 'failed', task.retry_count + 1, task.max_retries }
