-- @include ending
-- Tasks that are of no use unless a run of them begins before their deadline: those that have one, by it, until it has
-- passed or they have ended. One that has begun is left alone.
-- To cancel one takes a claim as long as to drop so many ids from a queue.
local DEADLINE = { as_dropped = 25 }

-- The earliest of all, as it was a moment ago at most.
function DEADLINE.first()
  if not cache.deadline then
    cache.deadline = tonumber(call('ZRANGE', KEY.deadlines(), 0, 0, 'WITHSCORES')[2] or nil) or math.huge
  end
  return cache.deadline
end

-- A new task gets it.
function DEADLINE.set(task)
  call('ZADD', KEY.deadlines(), task.deadline, task.id)
  call('ZADD', KEY.links(task.id), 0, LINKS.deadline)
  cache.deadline = nil
end

-- Is it too late for a task of which no run has begun to begin then? Most have none, and no flow and no dependents either,
-- so that they are not asked.
function DEADLINE.has_passed(task, us)
  if not task.flow or task.runs > 0 or DEADLINE.first() > us then return false end
  local deadline = call('ZSCORE', KEY.deadlines(), task.id)
  return deadline and tonumber(deadline) <= us
end

-- Cancels it, if it still waits and no run of it has begun; whatever it is, its deadline is done with. Returns whether it did.
function DEADLINE.pass(task)
  cache.deadline = nil
  call('ZREM', KEY.deadlines(), task.id)
  local f = call('HMGET', task.key, 'runs', 'deadline')
  if not WAITING[task.status] or (tonumber(f[1]) or 0) > 0 then return false end
  LINKS.cancel(task, 'Not started by its deadline, ' .. (f[2] or at()) .. '.')
  return true
end
