-- retry: gives a failed task another run, due at once.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] tenant
-- ARGV[3] force  '1' raises max_retries by one first, when they are used up
-- ARGV[4] request  names the caller's request; a repeat of it is answered as the first was
-- Returns {1 when this request scheduled it, else 0, status found, retry_count, max_retries}, or {0, 'key_taken', id of the
--   unfinished task that has its unique key, 0}
-- Moves failed -> scheduled
-- @include acting
local task = read_task(id)
if not task or task.tenant ~= tenant then return { 0, 'missing', 0, 0 } end
if call('HGET', task.key, 'retry_request') == request then return { 1, 'failed', task.retry_count, task.max_retries } end
if task.status ~= 'failed' then return { 0, task.status, task.retry_count, task.max_retries } end
if task.retry_count >= task.max_retries and force ~= '1' then return { 0, 'failed', task.retry_count, task.max_retries } end
local holder = ACT.holds_its_key(task)
if holder then return { 0, 'key_taken', holder, 0 } end
ACT.retry(task, request)
return { 1, 'failed', task.retry_count + 1, task.max_retries }
