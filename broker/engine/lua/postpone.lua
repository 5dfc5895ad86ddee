-- postpone: ends a run that waits for somebody else, until a time; takes the worker's next task in the same round trip.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] execution
-- ARGV[3] delay_us
-- ARGV[4] worker
-- ARGV[5] next_execution
-- ARGV[6] lease_us
-- ARGV[7] group
-- Returns {outcome, next}: 'scheduled', or 'stale' when the run was no longer this caller's
-- Moves processing -> scheduled
-- @include claim
local task = read_task(id)
local outcome = 'stale'
local fresh = owns_run(task, execution)
if fresh then
  outcome = 'scheduled'
  local due = now + tonumber(delay_us)
  end_run(task)
  reindex(task, 'scheduled')
  -- Neither an attempt nor an error: a wait of an hour may be hundreds of looks.
  local f = call('HMGET', task.key, 'runs', 'looks')
  call('HSET', task.key, 'status', 'scheduled', 'lease', execution .. ' postponed', 'crashes', 0, 'scheduled_at', iso(due),
    'postponed', f[1], 'looks', ((tonumber(f[2]) or 0) + 1) % (LOOKS + 1))
  schedule_at(task, due)
  announce(task, 'scheduled', { scheduled_at = iso(due) })
elseif ended_as(task, execution) == 'postponed' then
  outcome = 'scheduled'
end
return { outcome, after_run(task, fresh, worker, next_execution, tonumber(lease_us), group) }
