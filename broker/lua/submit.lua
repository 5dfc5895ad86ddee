-- submit: accepts a task, into its queue or into the schedule, with its media record if it comes with one.
-- KEYS[1] prefix
-- ARGV[1] id  a repeat with the same id changes nothing
-- ARGV[2] tenant
-- ARGV[3] type
-- ARGV[4] queue
-- ARGV[5] payload
-- ARGV[6] data
-- ARGV[7] max_retries
-- ARGV[8] timeout
-- ARGV[9] due_us
-- ARGV[10] delay_us
-- ARGV[11] unique_key  '' for none
-- ARGV[12] max_pending
-- ARGV[13] media_id
-- ARGV[14] media_kind
-- ARGV[15..] media_fields
-- Returns {1, id, microsecond of creation} when created, {0, id} when that task was there, {-1, waiting, type} when too many wait
-- Moves none -> pending
-- Moves none -> scheduled
-- @include submit
local task = { id = id, type = type, queue = queue, tenant = tenant, payload = payload, data = data,
  max_retries = max_retries, timeout = timeout, due = tonumber(due_us), delay = tonumber(delay_us),
  unique = unique_key ~= '' and unique_key }
local refused = accept({ task }, tonumber(max_pending))
if refused then return refused end
if task.holder then return { 0, task.holder } end
if media_id ~= '' then
  call('HSET', B .. 'media:' .. media_id, 'created_at', iso(task.us), unpack(media_fields))
  call('ZADD', B .. 'media:' .. tenant .. ':' .. media_kind, task.us, media_id)
end
return { 1, id, task.us }
