-- release: gives a run up without an outcome: handed back by a worker that must stop, or lost with a dead child.
-- KEYS[1] prefix
-- ARGV[1] worker
-- ARGV[2] execution  of this worker; its task is found through the worker's record
-- ARGV[3] crashed  '1' counts a death, '0' only hands back, 'apart' hands back what runs alone from now on
-- ARGV[4] max_crashes
-- ARGV[5] message
-- ARGV[6] used  by the run, as in usage.lua, or ''
-- Returns {outcome, id}: 'pending', 'failed', or 'stale' when that run is not (or no longer) going on
-- Moves processing -> pending
-- Moves processing -> failed
-- Moves processing -> cancelled
-- @include lost_run
-- @include usage
local record = KEY.worker(worker)
local id = call('HGET', record, 'current_job')
local task = id and read_task(id)
if not owns_run(task, execution) then
  local ended = ended_as(task, execution)
  return { ({ released = 'pending', lost = 'pending', poison = 'failed' })[ended or ''] or 'stale', id or '' }
end
call('HSET', record, 'state', 'idle')
USAGE.end_run(task, used, execution)
if crashed == '1' then return { record_crash(task, tonumber(max_crashes), message), id } end
COUNT.add(task.type, 'handed_back')
if crashed == 'apart' then call('HSET', task.key, 'alone', 1) end
return { hand_back(task, true, 'released'), id }
