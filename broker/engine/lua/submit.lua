-- submit: accepts a task, into its queue or into the schedule, with its media record if it comes with one.
-- KEYS[1] prefix
-- ARGV[1] id  a repeat with the same id changes nothing
-- ARGV[2] tenant
-- ARGV[3] payload
-- ARGV[4] options  'type queue max_retries timeout due_us delay_us n m' and, put together, group (n bytes), tags (JSON, m bytes) and unique_key; the type as 'Type@2' where workers have to know that version
-- ARGV[5] bounds  how many tasks may wait of a type, 0 for any number, and the quotas of a tenant without its own, as in quotas.lua
-- ARGV[6] trace  what is known of the request, as `broker.trace` makes it, or ''
-- ARGV[7..] media  nothing, or id, kind, the microsecond at which it expires or 0, and the fields of its record
-- Returns the microsecond of creation, {0, id} when that task was there, {-1, waiting, type} when too many wait, {-2}
--   when the media was deleted meanwhile, or the reply of a quota
-- Moves none -> pending
-- Moves none -> scheduled
-- @include media_record
-- @include submit
if media[1] and MEDIA.is_buried(media) then return { -2 } end
SUBMIT.trace = trace
local task = SUBMIT.new_task(id, tenant, payload, options)
local size = media[1] and MEDIA.size_of(media, #media)
local refused
if task.simple then refused = SUBMIT.accept_simple(task, bounds, size) else refused = SUBMIT.accept({ task }, bounds, size) end
if refused then return refused end
if task.holder then return { 0, task.holder } end
if media[1] then MEDIA.write(tenant, media, #media, task.us) end
return task.us
