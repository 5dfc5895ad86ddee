-- fail: ends a run badly, for good or until a later try, and takes the worker's next task in the same round trip.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] execution
-- ARGV[3] message  one line that a person can act on
-- ARGV[4] traceback  as RQ stores it, for its tools
-- ARGV[5] retryable
-- ARGV[6] delay_us
-- ARGV[7] worker
-- ARGV[8] next_execution
-- ARGV[9] lease_us
-- ARGV[10] group
-- ARGV[11] used  by the run, as in usage.lua, or ''
-- Returns {outcome, next}: 'scheduled', 'failed' (a task that helped with another is cancelled then), or 'stale' when the run was no longer this caller's
-- Moves processing -> scheduled
-- Moves processing -> failed
-- Moves processing -> cancelled
-- @include claim
-- @include ending
-- @include usage
-- @include failures
local task = read_task(id)
local outcome = 'stale'
local fresh = owns_run(task, execution)
if fresh then
  outcome = (retryable == '1' and task.retry_count < task.max_retries) and 'scheduled' or 'failed'
  end_run(task, true)
  COUNT.observe(task.type, 'run', math.max(0, now - (microseconds(task.started_at) or now)))
  USAGE.end_run(task, used, outcome == 'scheduled' and execution)
  local status, why = outcome, message
  if outcome == 'failed' then status, why = LINKS.bad_end(task, message) end
  reindex(task, status)
  call('HSET', task.key, 'status', RQ_STATUS[status], 'lease', execution .. ' ' .. outcome, 'error', why, 'crashes', 0,
    'attempts', with_attempt(task, 'failed', message))
  call('XADD', KEY.results(id), 'MAXLEN', 1, '*', 'type', 2, 'exc_string', traceback, 'worker_name', worker)
  if outcome == 'scheduled' then
    COUNT.add(task.type, 'retried')
    local due = now + tonumber(delay_us)
    call('HSET', task.key, 'retry_count', task.retry_count + 1, 'scheduled_at', iso(due))
    schedule_at(task, due)
    tell_attempt(task, 'failed', message)
    announce(task, outcome, { error = message, retry_count = task.retry_count + 1, scheduled_at = iso(due) })
  else
    call('HSET', task.key, 'ended_at', at())
    if status == 'failed' then FAILURE.count(task, message) end
    enter_end(task, status, why)
  end
else
  local ended = ended_as(task, execution)
  if ended == 'scheduled' or ended == 'failed' then outcome = ended end
end
return { outcome, after_run(task, fresh, worker, next_execution, tonumber(lease_us), group) }
