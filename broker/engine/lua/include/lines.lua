-- @include holds
-- A waiting task's place in its order: in the line of its tenant and group, or put aside by a hold. By aging it may stand
-- in the line of a higher level than that of its own queue (`lifted`).
local LINE = {}

-- The queue in whose lines it stands.
function LINE.queue_of(task)
  return task.lifted or task.queue
end

-- Its line, whether it stands there or is put aside.
function LINE.of(task)
  return SHARE.line_of(LINE.queue_of(task), task.tenant, task.group)
end

-- The key that holds the task, whether in line or put aside.
function LINE.place_of(task)
  return task.held and KEY.held(task.held) or LINE.of(task)
end

-- From now on it rises a level for each span, where the type asks for that.
local function start_aging(task)
  local seconds = settings(task.type).aging
  if seconds then call('ZADD', KEY.aging(task.type), now + seconds * 1000000, task.id) end
end

-- It rises no more.
function LINE.stop_aging(task)
  if settings(task.type).aging then call('ZREM', KEY.aging(task.type), task.id) end
end

-- Puts a task into its order, under this number.
function LINE.enter(task, order)
  local hold = HOLD.of(task)
  if hold then
    HOLD.park(hold, task, order)
  else
    SHARE.put_in_line(LINE.queue_of(task), task.tenant, task.group, { order, task.id })
  end
  start_aging(task)
end

-- At the end of its line.
function LINE.enter_last(task)
  LINE.enter(task, SHARE.order_at_end(LINE.of(task), now))
end

-- Has a task that stands in RQ's list of a queue and in no line got into line, where a foreign hand or an older release has
-- put it? Returns whether it waits in that queue, and whether it was in no line.
function LINE.adopt(task, queue)
  if not (task and task.status == 'pending' and task.queue == queue) then return false, false end
  if call('ZSCORE', LINE.place_of(task), task.id) then return true, false end
  LINE.enter_last(task)
  return true, true
end

-- Many of one line, which may all be in line: {order, id, ...}.
function LINE.enter_many(tasks, first, last, entries)
  local one = tasks[first]
  if #HOLD.all() == 0 and not settings(one.type).aging then
    SHARE.put_in_line(one.queue, one.tenant, one.group, entries)
  else
    for i = first, last do LINE.enter(tasks[i], entries[2 * (i - first) + 1]) end
  end
end

-- Takes a task out of its order.
function LINE.leave(task)
  call('ZREM', LINE.place_of(task), task.id)
  SHARE.leave(LINE.queue_of(task), task.tenant, task.group)
  if task.held then call('HDEL', task.key, 'held') end
  LINE.stop_aging(task)
end
