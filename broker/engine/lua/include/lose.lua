-- @include task
-- @include wake
-- A run that ended without an outcome: the task goes back, or is given up as poison.

local function hand_back(task, front, outcome)
  end_run(task)
  reindex(task, 'pending')
  call('HSET', task.key, 'status', 'queued', 'lease', task.lease .. ' ' .. outcome, 'enqueued_at', at())
  if front then
    prepend(task)
  else
    call('HSET', task.key, 'seq', next_seq(task.queue))
    append(task)
  end
  wake(task.type)
  announce(task, 'pending')
  return 'pending'
end

-- The worker died. The first time the task runs again at once, later from the end of its queue, so that poison
-- cannot hold the head; after `max_crashes` deaths in a row it fails.
local function lose(task, max_crashes, message)
  task.crashes = task.crashes + 1
  call('HSET', task.key, 'crashes', task.crashes, 'attempts', with_attempt(task, 'lost', message))
  if task.crashes < max_crashes then
    tell_attempt(task, 'lost', message)
    return hand_back(task, task.crashes == 1, 'lost')
  end
  message = message .. ' (' .. task.crashes .. ' times in a row; it is not tried again)'
  end_run(task)
  reindex(task, 'failed')
  call('HSET', task.key, 'status', 'failed', 'lease', task.lease .. ' poison', 'ended_at', at(), 'error', message)
  enter_end(task, 'failed', message)
  wake_for_slot(task.type)
  return 'failed'
end
