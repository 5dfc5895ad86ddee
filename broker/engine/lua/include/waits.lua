-- @include deadlines
-- Is what a task is said to wait for still to come, and does that know of it?
local WAITS = {}

-- Is the end of a task being settled, and does this one follow?
function WAITS.settling(id, follower)
  for _, entry in ipairs(call('LRANGE', KEY.settling(), 0, -1)) do
    local name = string.match(entry, '^%S+')
    if string.sub(name, 1, #id + 1) == id .. '@' and call('ZSCORE', KEY.links(name), follower) then return true end
  end
  return false
end

-- The tasks that it waits for, as its hash lists them.
function WAITS.of(task)
  local ids = {}
  local list = task.flow and call('HGET', task.key, 'waiting_for') or ''
  for id in string.gmatch(list, '[^,]+') do ids[#ids + 1] = id end
  return ids
end

-- What is wrong with one of those, nil when nothing is.
function WAITS.wrong(task, id)
  local other = read_task(id)
  if other and not TERMINAL[other.status] then
    if other.flow and call('ZSCORE', KEY.links(id), task.id) then return nil end
    return 'which does not know of it'
  end
  if WAITS.settling(id, task.id) then return nil end
  return other and 'which has ended' or 'which is gone'
end

-- Is it due never just when it waits?
function WAITS.in_time(task)
  local due = task.status == 'scheduled' and tonumber(call('ZSCORE', KEY.due(), task.id) or nil)
  return not due or (due == NEVER) == (due_of(task) == NEVER)
end

-- Puts right what is wrong with all of those. Returns whether anything was.
function WAITS.mend(task)
  local mended = false
  for _, id in ipairs(WAITS.of(task)) do
    if WAITS.wrong(task, id) then
      local other = read_task(id)
      local name = id
      if other and not TERMINAL[other.status] then
        call('HSETNX', other.key, 'flow', '')
      else
        local status = other and other.status or 'gone'
        local why = LINKS.cause(id, status, other and call('HGET', other.key, 'error'))
        name = LINKS.name_for(id)
        call('RPUSH', KEY.settling(), name .. ' ' .. status .. ' ' .. why)
      end
      call('ZADD', KEY.links(name), task.us, task.id)
      mended = true
    end
  end
  if not WAITS.in_time(task) then
    schedule_at(task, due_of(task))
    mended = true
  end
  if WAITS.lacks_deadline(task) then
    task.deadline = microseconds(call('HGET', task.key, 'deadline'))
    call('HSETNX', task.key, 'flow', '')
    DEADLINE.set(task)
    mended = true
  end
  return mended
end

-- Is the task at its place in its flow, if it has one?
function WAITS.in_flow(task)
  if not task.flow or task.flow == '' or not RANK[task.status] then return true end
  if TERMINAL[task.status] and call('EXISTS', KEY.flow(task.tenant, task.flow)) == 0 then return true end
  return tonumber(call('ZSCORE', KEY.flow_tasks(task.tenant, task.flow), task.id) or nil) == score_of(task.status, task.us)
end

-- Has it a deadline and no run, and is not where those are that have?
function WAITS.lacks_deadline(task)
  if not WAITING[task.status] then return false end
  local f = call('HMGET', task.key, 'deadline', 'runs')
  if not microseconds(f[1]) or f[2] then return false end
  return not (task.flow and call('ZSCORE', KEY.deadlines(), task.id) and call('ZSCORE', KEY.links(task.id), LINKS.deadline))
end
