-- @include flows
-- @include listing
-- @include lines
-- A task's hash, its place in the indexes, its queue, its lease and its end.

-- RQ's registry cleanups drop entries whose score has passed; ours lie ten years ahead and are removed by prune.
local KEEP_US = 315360000000000

-- A task's `flow` is nil or false where no other task and no flow is concerned by it, '' where it has no flow.

local NOTHING = {}

-- The fields that a transition needs, or nil when there is no such task of ours.
local function read_task(id)
  local key = KEY.job(id)
  local f = call('HMGET', key, 'status', 'origin', 'tenant', 'us', 'lease', 'started_at', 'last_heartbeat',
    'retry_count', 'max_retries', 'crashes', 'unique', 'attempts', 'worker_name', 'flow', 'group', 'charged', 'seq',
    'held', 'lifted')
  if not (f[1] and f[2] and f[3] and f[4]) then return nil end
  return {
    id = id, key = key, status = STATUS[f[1]] or f[1], queue = f[2], type = type_of(f[2]), tenant = f[3], us = tonumber(f[4]) or 0,
    lease = f[5] or '', started_at = f[6], last_heartbeat = f[7] or '', retry_count = tonumber(f[8]) or 0,
    max_retries = tonumber(f[9]) or 0, crashes = tonumber(f[10]) or 0, unique = f[11], attempts = f[12],
    worker = f[13], flow = f[14], group = f[15] or '', charged = f[16], seq = f[17], held = f[18],
    lifted = f[19],
  }
end

-- What the good end of a run by this worker needs of its task; `troubled` when an earlier run did not end well. Where no
-- type has groups or aging, these are not asked for: a field that is not there costs as much as one that is.
-- `granted`: the task as it was granted, if it was just now. Then only what may have changed is asked for.
local function read_run(id, worker, granted)
  local key, f, g = KEY.job(id), nil, NOTHING
  if granted and granted.id == id then
    f = call('HMGET', key, 'status', 'lease', 'last_heartbeat', 'unique', 'flow')
    if f[1] == RQ_STATUS.processing and f[2] == granted.lease and not f[3] then
      granted.last_heartbeat, granted.unique, granted.flow, granted.troubled = '', f[4], f[5], granted.runs > 1
      return granted
    end
  end
  if cache.divided then
    f = call('HMGET', key, 'status', 'us', 'tenant', 'origin', 'lease', 'started_at', 'last_heartbeat', 'unique', 'crashes',
      'flow', 'charged', 'group', 'lifted')
    g = { f[12], f[13] }
  else
    f = call('HMGET', key, 'status', 'us', 'tenant', 'origin', 'lease', 'started_at', 'last_heartbeat', 'unique', 'crashes',
      'flow', 'charged')
  end
  if not (f[1] and f[2] and f[3] and f[4]) then return nil end
  local type_name = type_of(f[4])
  local set = settings(type_name)
  if g == NOTHING and (set.grouped or set.aged) then g = call('HMGET', key, 'group', 'lifted') end
  return { id = id, key = key, status = STATUS[f[1]] or f[1], queue = f[4], type = type_name, tenant = f[3], us = tonumber(f[2]) or 0,
    lease = f[5] or '', started_at = f[6], last_heartbeat = f[7] or '', unique = f[8], troubled = f[9], flow = f[10],
    charged = f[11], group = g[1] or '', lifted = g[2], worker = worker }
end

-- Moves the task to another status in its index. Where it does not move up, or was not there, a foreign hand may have
-- been at it: a time to live that RQ may have set is lifted.
local function reindex(task, status)
  local index, score = index_of(task.tenant, task.type), score_of(status, task.us)
  if WAITING[status] then cache.waiting[index] = nil end
  if status == 'cancelled' and call('HEXISTS', task.key, 'part_of') == 1 then
    call('SADD', KEY.spared(task.tenant, task.type), task.id)
  end
  if call('ZADD', index, 'XX', 'GT', 'CH', score, task.id) == 0 then
    call('ZADD', index, score, task.id)
    call('PERSIST', task.key)
  end
  if task.flow and task.flow ~= '' then FLOW.move(task, status) end
end

-- Puts a pending task, which has its slot, at the end of its queue.
local function append(task)
  LIST.add_last(task.queue, task.id)
  LINE.enter_last(task)
end

-- Puts a pending task back before all others of its tenant and group.
local function prepend(task)
  local first = tonumber(call('ZRANGE', LINE.of(task), 0, 0, 'WITHSCORES')[2])
  LIST.add_first(task.queue, task.id)
  LINE.enter(task, first and first - 1 or now)
end

-- Takes a pending task out of its queue.
local function withdraw(task)
  LIST.remove(task.queue, task.id, task.seq)
  LINE.leave(task)
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
  local score = math.floor((now + lease_us + DAY_US) / 100000) / 10
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

-- Takes a task that is being run away from its lease and from everything RQ shows about the run. `typical`: others are
-- expected to take as long.
local function end_run(task, typical)
  if task.charged then SHARE.settle(task, typical) end
  if task.group ~= '' or settings(task.type).capped then CAP.end_run(task) end
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

-- When a scheduled task is due, as its hash says.
local function due_of(task)
  if task.flow and call('HEXISTS', task.key, 'waiting_for') == 1 then return NEVER end
  if call('ZSCORE', KEY.newer(task.type), task.id) then return NEVER end
  return microseconds(call('HGET', task.key, 'scheduled_at')) or now
end

-- What is known of the request that submitted it, for whoever tells of the task.
local function trace_of(task)
  return call('HGET', task.key, 'trace') or ''
end

local function unique_key(task)
  return KEY.unique(task.tenant, task.type, task.unique)
end

-- The task that has a unique key, by the name of that; nil when there is none any more.
local function holder_of(unique_name)
  local holder = call('GET', unique_name)
  return holder and call('EXISTS', KEY.job(holder)) == 1 and holder or nil
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
