-- submit: accepts a task, into its queue or into the schedule, with its media record if it comes with one.
-- KEYS[1] prefix
-- ARGV[1] id  a repeat with the same id changes nothing
-- ARGV[2] tenant
-- ARGV[3] payload
-- ARGV[4] options  'type queue max_retries timeout due_us delay_us unique_key'
-- ARGV[5] max_pending
-- ARGV[6..] media  nothing, or id, kind and the fields of its record
-- Returns the microsecond of creation, {0, id} when that task was there, or {-1, waiting, type} when too many wait
-- Moves none -> pending
-- Moves none -> scheduled
-- @include submit
local task = new_task(id, tenant, payload, options)
local most = bound(max_pending)
local refused
if task.simple then refused = accept_simple(task, most) else refused = accept({ task }, most) end
if refused then return refused end
if task.holder then return { 0, task.holder } end
if media[1] then
  call('HSET', KEY.media(media[1]), 'created_at', iso(task.us), unpack(media, 3))
  call('ZADD', KEY.media_index(tenant, media[2]), task.us, media[1])
end
return task.us
