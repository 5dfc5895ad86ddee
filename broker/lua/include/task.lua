-- @include events
-- A task's hash, its place in the indexes and its queue. Nothing else writes a status.

local RQ_STATUS = {
  pending = 'queued', scheduled = 'scheduled', processing = 'started',
  completed = 'finished', failed = 'failed', cancelled = 'canceled',
}
local STATUS = {
  queued = 'pending', scheduled = 'scheduled', started = 'processing',
  finished = 'completed', failed = 'failed', canceled = 'cancelled',
}

-- RQ's registry cleanups drop entries whose score has passed; ours lie ten years ahead and are removed by prune.
local KEEP_US = 315360000000000

local function status_index(task, status)
  return B .. 'tasks:' .. task.tenant .. ':' .. task.type .. ':' .. status
end

-- The fields that a transition needs, or nil when there is no such task of ours.
local function read_task(id)
  local key = P .. 'job:' .. id
  local f = call('HMGET', key, 'status', 'origin', 'tenant', 'us', 'lease', 'started_at', 'last_heartbeat',
    'retry_count', 'max_retries', 'crashes', 'unique', 'attempts', 'worker_name')
  if not (f[1] and f[2] and f[3] and f[4]) then return nil end
  return {
    id = id, key = key, status = STATUS[f[1]] or f[1], queue = f[2], type = split(f[2]), tenant = f[3], us = f[4],
    lease = f[5] or '', started_at = f[6], last_heartbeat = f[7] or '', retry_count = tonumber(f[8]) or 0,
    max_retries = tonumber(f[9]) or 0, crashes = tonumber(f[10]) or 0, unique = f[11], attempts = f[12],
    worker = f[13],
  }
end

-- Moves the task between the status indexes. A foreign hand may have changed the hash alone, so when the index
-- that should hold the task does not, every other one is cleared and a time to live that RQ may have set is lifted.
local function reindex(task, from, to)
  if call('ZREM', status_index(task, from), task.id) == 0 then
    for status in pairs(RQ_STATUS) do
      if status ~= from then call('ZREM', status_index(task, status), task.id) end
    end
    call('PERSIST', task.key)
  end
  call('ZADD', status_index(task, to), task.us, task.id)
end

-- The next number at the end of a queue: a task's place in line is its number less that of the head.
local function next_seq(queue)
  return call('HINCRBY', B .. 'arrivals', queue, 1)
end

local function filled(queue, length)
  if length == 1 then
    local _, priority = split(queue)
    call('ZADD', B .. 'ready', priority, queue)
    call('SADD', P .. 'queues', P .. 'queue:' .. queue)
  end
end

-- Puts a pending task, which has its number, at the end of its queue.
local function append(task)
  filled(task.queue, call('RPUSH', P .. 'queue:' .. task.queue, task.id))
end

-- Puts a pending task back before the head of its queue.
local function prepend(task)
  local list = P .. 'queue:' .. task.queue
  local head = call('LINDEX', list, 0)
  local seq = head and call('HGET', P .. 'job:' .. head, 'seq') or call('HGET', B .. 'arrivals', task.queue)
  call('HSET', task.key, 'seq', int((tonumber(seq) or 1) - 1))
  filled(task.queue, call('LPUSH', list, task.id))
end

-- How this execution of the task ended, if it was the last to end: the word after its id in `lease`.
local function ended_as(task, execution)
  if task and string.sub(task.lease, 1, #execution + 1) == execution .. ' ' then
    return string.sub(task.lease, #execution + 2)
  end
  return nil
end

-- Takes a task that is being run away from its lease and from everything RQ shows about the run.
local function end_run(task)
  call('ZREM', B .. 'leases:' .. task.type, task.id)
  local execution = task.id .. ':' .. task.lease
  call('ZREM', P .. 'wip:' .. task.queue, execution)
  if task.last_heartbeat >= (task.started_at or '') and task.last_heartbeat ~= '' then
    call('DEL', P .. 'execution:' .. execution, P .. 'executions:' .. task.id)
    if task.worker then call('SREM', P .. 'worker:' .. task.worker .. ':executions', execution) end
  end
end

local function unique_key(task)
  return B .. 'unique:' .. task.tenant .. ':' .. task.type .. ':' .. task.unique
end

-- Enters the task into RQ's registry of an end state, gives up its unique key and announces the end.
local function enter_end(task, status, message)
  call('ZADD', P .. RQ_STATUS[status] .. ':' .. task.queue, int((now + KEEP_US) / 1000000), task.id)
  if task.unique then
    if call('GET', unique_key(task)) == task.id then call('DEL', unique_key(task)) end
  end
  announce(task, status, { error = message })
end

-- The attempt history with one more ended run, at most ten.
local function with_attempt(task, outcome, message)
  local list = task.attempts and cjson.decode(task.attempts) or {}
  list[#list + 1] = { started_at = task.started_at, ended_at = iso(now), outcome = outcome, error = message,
    worker = task.worker }
  if #list > 10 then table.remove(list, 1) end
  return cjson.encode(list)
end
