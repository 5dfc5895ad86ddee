-- submit: accepts a task, into its queue or into the schedule, with its media record if it comes with one.
-- KEYS[1] prefix
-- ARGV[1] id  a repeat with the same id changes nothing
-- ARGV[2] tenant
-- ARGV[3] payload
-- ARGV[4] terms  'type queue max_retries timeout due_us delay_us unique_key'
-- ARGV[5] data
-- ARGV[6] max_pending
-- ARGV[7] media_id
-- ARGV[8] media_kind
-- ARGV[9..] media_fields
-- Returns {1, id, microsecond of creation} when created, {0, id} when that task was there, {-1, waiting, type} when too many wait
-- Moves none -> pending
-- Moves none -> scheduled
-- @include submit
local task = new_task(id, tenant, payload, terms, data)
local refused = accept({ task }, tonumber(max_pending))
if refused then return refused end
if task.holder then return { 0, task.holder } end
if media_id ~= '' then
  call('HSET', B .. 'media:' .. media_id, 'created_at', iso(task.us), unpack(media_fields))
  call('ZADD', B .. 'media:' .. tenant .. ':' .. media_kind, task.us, media_id)
end
return { 1, id, task.us }
