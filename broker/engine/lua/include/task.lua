-- @include events
-- @include index
-- A task's hash, its place in the indexes, its queue, its lease and its end.

-- RQ's registry cleanups drop entries whose score has passed; ours lie ten years ahead and are removed by prune.
local KEEP_US = 315360000000000

-- The fields that a transition needs, or nil when there is no such task of ours.
local function read_task(id)
  local key = KEY.job(id)
  local f = call('HMGET', key, 'status', 'origin', 'tenant', 'us', 'lease', 'started_at', 'last_heartbeat',
    'retry_count', 'max_retries', 'crashes', 'unique', 'attempts', 'worker_name')
  if not (f[1] and f[2] and f[3] and f[4]) then return nil end
  return {
    id = id, key = key, status = STATUS[f[1]] or f[1], queue = f[2], type = type_of(f[2]), tenant = f[3], us = tonumber(f[4]) or 0,
    lease = f[5] or '', started_at = f[6], last_heartbeat = f[7] or '', retry_count = tonumber(f[8]) or 0,
    max_retries = tonumber(f[9]) or 0, crashes = tonumber(f[10]) or 0, unique = f[11], attempts = f[12],
    worker = f[13],
  }
end

-- What the good end of a run by this worker needs of its task; `troubled` when an earlier run did not end well.
local function read_run(id, worker)
  local key = KEY.job(id)
  local f = call('HMGET', key, 'status', 'origin', 'tenant', 'us', 'lease', 'started_at', 'last_heartbeat', 'unique',
    'crashes')
  if not (f[1] and f[2] and f[3] and f[4]) then return nil end
  return { id = id, key = key, status = STATUS[f[1]] or f[1], queue = f[2], type = type_of(f[2]), tenant = f[3], us = tonumber(f[4]) or 0,
    lease = f[5] or '', started_at = f[6], last_heartbeat = f[7] or '', unique = f[8], troubled = f[9], worker = worker }
end

-- Moves the task to another status in its index. Where it does not move up, or was not there, a foreign hand may have
-- been at it: a time to live that RQ may have set is lifted.
local function reindex(task, status)
  local index, score = index_of(task.tenant, task.type), score_of(status, task.us)
  if WAITING[status] then cache.waiting[index] = nil end
  if call('ZADD', index, 'XX', 'GT', 'CH', score, task.id) == 0 then
    call('ZADD', index, score, task.id)
    call('PERSIST', task.key)
  end
end

-- The next number at the end of a queue: a task's place in line is its number less that of the head.
local function next_seq(queue)
  return call('HINCRBY', ARRIVALS, queue, 1)
end

local function mark_ready(queue, length)
  if length == 1 then
    local found = facts(queue)
    call('ZADD', READY, found.priority, queue)
    call('SADD', KEY.rq_queues(), found.list)
  end
end

-- Puts a pending task, which has its number, at the end of its queue.
local function append(task)
  mark_ready(task.queue, call('RPUSH', facts(task.queue).list, task.id))
end

-- Puts a pending task back before the head of its queue.
local function prepend(task)
  local list = facts(task.queue).list
  local head = call('LINDEX', list, 0)
  local seq = head and call('HGET', KEY.job(head), 'seq') or call('HGET', ARRIVALS, task.queue)
  call('HSET', task.key, 'seq', (tonumber(seq) or 1) - 1)
  mark_ready(task.queue, call('LPUSH', list, task.id))
end

-- The fence: is it this execution that may end or prolong the task's run? Whatever does either asks first.
local function owns_run(task, execution)
  return task and task.status == 'processing' and task.lease == execution
end

-- How this execution of the task ended, if it was the last to end: the word after its id in `lease`.
local function ended_as(task, execution)
  if task and string.sub(task.lease, 1, #execution + 1) == execution .. ' ' then
    return string.sub(task.lease, #execution + 2)
  end
  return nil
end

-- RQ's registry of running tasks holds our leases: a run's score is the end of its lease in seconds, a day ahead, because
-- any stock tool that counts the registry judges by its own rules what has a score in the past.
local DAY_US = 86400000000

local function lease_score(us)
  return (us + DAY_US) / 1000000
end

-- Leases the task to a run for so long, or prolongs it. To the tenth of a second: a number of few digits is written and read faster.
local function set_lease(task, execution, lease_us)
  local score = math.floor(lease_score(now + lease_us) * 10) / 10
  call('ZADD', facts(task.queue).leases, score, task.id .. ':' .. execution)
end

-- The microseconds until a run begins that was granted ahead, else 0: of a start further off, the clock has stepped back.
local function still_ahead(started_at)
  local us = (microseconds(started_at) or 0) - now
  return us > 0 and us <= AHEAD and us or 0
end

-- The present moment for a task that is being run: not before it began.
local function at_least_begun(task)
  return still_ahead(task.started_at) > 0 and task.started_at or at()
end

-- Takes a task that is being run away from its lease and from everything RQ shows about the run.
local function end_run(task)
  local run = task.id .. ':' .. task.lease
  call('ZREM', facts(task.queue).leases, run)
  if task.last_heartbeat >= (task.started_at or '') and task.last_heartbeat ~= '' then
    call('DEL', KEY.execution(task.id, task.lease), KEY.executions(task.id))
    if task.worker then call('SREM', KEY.worker_executions(task.worker), run) end
  end
end

-- Enters a task into the schedule: by the microsecond into ours, by the second into RQ's.
local function schedule_at(task, due)
  call('ZADD', KEY.due(), due, task.id)
  call('ZADD', KEY.registry('scheduled', task.queue), math.floor(due / 1000000), task.id)
end

-- Takes a task out of the schedule.
local function unschedule(task)
  call('ZREM', KEY.due(), task.id)
  call('ZREM', KEY.registry('scheduled', task.queue), task.id)
end

local function unique_key(task)
  return KEY.unique(task.tenant, task.type, task.unique)
end

-- Enters the task into RQ's registry of an end state, gives up its unique key and announces the end. By the microsecond,
-- so that it comes last: among thousands of one second it would come somewhere, and to find out where reads old memory.
local function enter_end(task, status, message)
  local registry = status == 'completed' and facts(task.queue).finished or KEY.registry(REGISTRY[status], task.queue)
  call('ZADD', registry, (now + KEEP_US) / 1000000, task.id)
  if task.unique then
    if call('GET', unique_key(task)) == task.id then call('DEL', unique_key(task)) end
  end
  announce(task, status, message and { error = message })
end

-- The attempt history with one more ended run, at most ten.
local function with_attempt(task, outcome, message)
  local read, list = pcall(cjson.decode, task.attempts or '[]')
  if not read or type(list) ~= 'table' then list = {} end
  list[#list + 1] = { started_at = task.started_at, ended_at = at_least_begun(task), outcome = outcome, error = message,
    worker = task.worker }
  if #list > 10 then table.remove(list, 1) end
  return cjson.encode(list)
end
