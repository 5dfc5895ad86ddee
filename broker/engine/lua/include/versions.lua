-- @include pending
-- Tasks that were submitted by newer code than some workers have. `version` in a task's hash is the least that may run it,
-- where that is not 1. A worker that meets a task which it does not know takes it out of everybody's way, and the next
-- worker that knows it brings it back: until then it is scheduled, due never.
-- They wait by version, and within one by the millisecond of their creation, which fits for versions to 1,000.
-- To put one aside takes as long as to drop so many ids from a queue.
local VERSIONS = { step = 4398046511104, as_dropped = 20 }

-- May this task not be run by workers of the group?
function VERSIONS.beyond(task, group)
  return task.version and task.version > listens(group, task.type)
end

-- Wakes a sleeper that knows it.
function VERSIONS.wake(task)
  for _, group in ipairs(groups()) do
    if (listens(group, task.type) or 0) >= task.version and wake_one(group) then return end
  end
end

-- Puts a task aside that was taken out of its line.
function VERSIONS.put_aside(task)
  LIST.remove(task.queue, task.id, task.seq)
  LINE.stop_aging(task)
  reindex(task, 'scheduled')
  call('HSET', task.key, 'status', 'scheduled')
  schedule_at(task, NEVER)
  call('ZADD', KEY.newer(task.type), task.version * VERSIONS.step + math.floor((task.us - EPOCH) / 1000), task.id)
  announce(task, 'scheduled')
  VERSIONS.wake(task)
end

-- Brings back a task of each type that workers of the group know and could start now.
function VERSIONS.bring_back(group)
  for type_name, version in pairs(types_in(group)) do
    if version > 1 and wait_for(limits(type_name)) == 0 then
      local beyond = '(' .. int((version + 1) * VERSIONS.step)
      local id = call('ZRANGEBYSCORE', KEY.newer(type_name), '-inf', beyond, 'LIMIT', 0, 1)[1]
      local task = id and read_task(id)
      if id then call('ZREM', KEY.newer(type_name), id) end
      if task and task.status == 'scheduled' and tonumber(call('ZSCORE', KEY.due(), id) or nil) == NEVER then
        unschedule(task)
        make_pending(task, true)
      end
    end
  end
end
