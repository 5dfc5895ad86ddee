-- note_early: adds to what a media record says before its run has ended, and tells what has come of it.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] execution
-- ARGV[3] media_id
-- ARGV[4] event  of webhooks, or ''
-- ARGV[5] kind  of the event that live listeners get, or ''
-- ARGV[6..] info
-- Returns 1, or 0 when the run is over
-- @include task
-- @include events
local task = read_task(id)
if not owns_run(task, execution) then return 0 end
if call('HGET', KEY.media(media_id), 'tenant') ~= task.tenant then return 1 end
call('HSET', KEY.media(media_id), unpack(info))
if event == '' or cache.silent then return 1 end
local who = listeners(task.tenant)
if who.webhooks and string.find(who.webhooks, event, 1, true) then put_into_outbox(task, event) end
tell(task.tenant, kind, { task = task.id, type = task.type, media_id = media_id })
return 1
