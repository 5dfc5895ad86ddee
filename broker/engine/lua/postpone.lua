-- postpone: ends a run that is not done: it waits for somebody else until a time, or gives way to others; takes the worker's next task in the same round trip.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] execution
-- ARGV[3] delay_us
-- ARGV[4] worker
-- ARGV[5] next_execution
-- ARGV[6] lease_us
-- ARGV[7] group
-- ARGV[8] used  by the run, as in usage.lua, or ''
-- ARGV[9] background  '1' has it wait in the background from now on, at once without a delay
-- Returns {outcome, next}: 'scheduled', 'pending', or 'stale' when the run was no longer this caller's
-- Moves processing -> scheduled
-- Moves processing -> pending
-- @include claim
-- @include pending
-- @include usage
local task = read_task(id)
local outcome = 'stale'
local fresh = owns_run(task, execution)
if fresh then
  local due = now + tonumber(delay_us)
  end_run(task)
  USAGE.end_run(task, used)
  local gives_way = background == '1' and due <= now
  call('HSET', task.key, 'lease', execution .. (gives_way and ' gave_way' or ' postponed'), 'crashes', 0)
  if background == '1' then
    task.queue = LEVEL.queue(task.type, LEVEL.background)
    call('HSET', task.key, 'origin', task.queue)
    call('SADD', KEY.rq_queues(), facts(task.queue).list)
  end
  if gives_way then -- the next run goes on with the work: it takes a token like any other
    outcome = 'pending'
    make_pending(task)
  else
    outcome = 'scheduled'
    reindex(task, 'scheduled')
    -- Neither an attempt nor an error: a wait of an hour may be hundreds of looks.
    local f = call('HMGET', task.key, 'runs', 'looks')
    call('HSET', task.key, 'status', 'scheduled', 'scheduled_at', iso(due), 'postponed', f[1],
      'looks', ((tonumber(f[2]) or 0) + 1) % (LOOKS + 1))
    schedule_at(task, due)
    announce(task, 'scheduled', { scheduled_at = iso(due) })
  end
else
  outcome = ({ postponed = 'scheduled', gave_way = 'pending' })[ended_as(task, execution) or ''] or outcome
end
return { outcome, after_run(task, fresh, worker, next_execution, tonumber(lease_us), group) }
