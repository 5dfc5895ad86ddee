-- delete_task: removes a task that has ended, on its owner's word, and what the record of a media file notes of it.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] tenant
-- ARGV[3] media_id  whose record may have a note of this task, or ''
-- ARGV[4] note      the field of that record
-- ARGV[5] actor     for the audit log, as `broker.actor` makes it
-- Returns the status it found, 'missing' when there is none; removed now if that is an end
-- Moves completed -> none
-- Moves failed -> none
-- Moves cancelled -> none
-- @include acting
-- @include audit
local task = read_task(id)
if not task or task.tenant ~= tenant then return 'missing' end
if not TERMINAL[task.status] then return task.status end
ACT.delete(task, media_id, note)
note_audit(actor, 'task.deleted', id, cjson.encode({ type = task.type, status = task.status }), '')
return task.status
