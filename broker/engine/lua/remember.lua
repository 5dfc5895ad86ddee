-- remember: keeps a handler's notes for later runs of its task.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] execution
-- ARGV[3] memo
-- Returns 1, or 0 when the run is over
-- @include task
local task = read_task(id)
if not owns_run(task, execution) then return 0 end
call('HSET', task.key, 'memo', memo)
return 1
