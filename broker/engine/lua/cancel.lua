-- cancel: ends a task on its owner's word. Cancelling a cancelled task again changes nothing and is no error.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] tenant
-- ARGV[3] force  '1' also stops a task that is being run
-- Returns the status it found ('missing' when there is none): cancelled now if that was pending, scheduled or, forced, processing
-- Moves pending -> cancelled
-- Moves scheduled -> cancelled
-- Moves processing -> cancelled
-- @include acting
local task = read_task(id)
if not task or task.tenant ~= tenant then return 'missing' end
return ACT.cancel(task, force == '1') or task.status
