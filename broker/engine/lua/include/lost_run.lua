-- @include ending
-- @include failures
-- A run that ended without an outcome: the task goes back, or is given up as poison.

local function hand_back(task, before_all, outcome)
  end_run(task)
  call('HSET', task.key, 'lease', task.lease .. ' ' .. outcome)
  make_pending(task, before_all)
  return 'pending'
end

-- Has the task come further, by a whole percent, than at any death of a worker before? What goes on where it stopped is no
-- poison; and as there are a hundred of them, nothing dies for ever.
local function advanced(task)
  local f = call('HMGET', task.key, 'progress', 'crashed_at')
  local percent = math.floor(tonumber(string.match(f[1] or '', '"percent": ?([%d.]+)')) or 0)
  if percent <= (tonumber(f[2]) or 0) then return false end
  call('HSET', task.key, 'crashed_at', percent)
  return true
end

-- The worker died. The first time the task runs again at once, later from the end of its queue, so that poison
-- cannot hold the head; after `max_crashes` deaths in a row without advance it fails, or is cancelled where it helped with another.
local function record_crash(task, max_crashes, message)
  task.crashes = advanced(task) and 1 or task.crashes + 1
  COUNT.add(task.type, 'lost')
  call('HSET', task.key, 'crashes', task.crashes, 'attempts', with_attempt(task, 'lost', message))
  if task.crashes < max_crashes then
    tell_attempt(task, 'lost', message)
    return hand_back(task, task.crashes == 1, 'lost')
  end
  message = message .. ' (' .. task.crashes .. ' times in a row; it is not tried again)'
  end_run(task)
  local status, why = LINKS.bad_end(task, message)
  reindex(task, status)
  call('HSET', task.key, 'status', RQ_STATUS[status], 'lease', task.lease .. ' poison', 'ended_at', at_least_begun(task), 'error', why)
  if status == 'failed' then FAILURE.count(task, message) end
  enter_end(task, status, why)
  wake_for_slot(task.type)
  return 'failed'
end
