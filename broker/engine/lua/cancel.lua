-- cancel: ends a task on its owner's word. Cancelling a cancelled task again changes nothing and is no error.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] tenant
-- ARGV[3] force  '1' also stops a task that is being run
-- Returns the status it found ('missing' when there is none): cancelled now if that was pending, scheduled or, forced, processing
-- Moves pending -> cancelled
-- Moves scheduled -> cancelled
-- Moves processing -> cancelled
-- @include task
-- @include wake
local task = read_task(id)
if not task or task.tenant ~= tenant then return 'missing' end
local from = task.status
if from == 'processing' and force == '1' then
  call('HSET', task.key, 'lease', task.lease .. ' cancelled', 'attempts', with_attempt(task, 'cancelled', nil))
  end_run(task)
elseif from == 'pending' then
  call('LREM', KEY.rq_queue(task.queue), 0, id)
elseif from == 'scheduled' then
  unschedule(task)
else
  return from
end
reindex(task, 'cancelled')
call('HSET', task.key, 'status', 'canceled', 'ended_at', from == 'processing' and at_least_begun(task) or at())
enter_end(task, 'cancelled')
if from == 'processing' then wake_for_slot(task.type) end
return from
