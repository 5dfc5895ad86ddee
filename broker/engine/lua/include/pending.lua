-- @include task
-- @include wake

-- A task that waited elsewhere, or was run, waits in its queue from now on: at the end, or before all others.
local function make_pending(task, before_all)
  reindex(task, 'pending')
  if task.held or task.lifted then
    call('HDEL', task.key, 'held', 'lifted')
    task.held, task.lifted = nil, nil
  end
  call('HSET', task.key, 'status', 'queued', 'enqueued_at', at())
  if task.flow then call('HDEL', task.key, 'waiting_for') end -- a foreign hand does not wait for others
  if before_all then
    prepend(task)
  else
    call('HSET', task.key, 'seq', next_seq(task.queue))
    append(task)
  end
  wake(task.type, task.queue)
  announce(task, 'pending')
end
