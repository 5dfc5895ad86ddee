-- @include task
-- @include wake
-- Taking the next task: the highest priority among the types that may start, ties to the type served longest ago.

-- The queue to take from, or nil with the types that have work and no token, and the microseconds until there is one.
local function choose(group)
  local entries = call('ZREVRANGE', B .. 'ready', 0, -1, 'WITHSCORES')
  local best, best_score
  local throttled = {}
  for i = 1, #entries, 2 do
    local queue, score = entries[i], entries[i + 1]
    if best and score ~= best_score then break end
    local type = split(queue)
    if listens(group, type) then
      local s = limits(type)
      local wait = wait_for(s)
      if wait == 0 then
        if not best or s.served < limits(split(best)).served then best, best_score = queue, score end
      elseif wait then
        throttled[type] = wait
      end
    end
  end
  return best, throttled
end

local function start(task, worker, execution, lease_us)
  local started_at = iso(now)
  reindex(task, 'pending', 'processing')
  call('HSET', task.key, 'status', 'started', 'started_at', started_at, 'worker_name', worker, 'lease', execution,
    'runs', task.runs)
  call('ZADD', B .. 'leases:' .. task.type, int(now + lease_us), task.id)
  call('ZADD', P .. 'wip:' .. task.queue, int(now / 1000000 + 86400), task.id .. ':' .. execution)
  call('HSET', P .. 'worker:' .. worker, 'state', 'busy', 'current_job', task.id, 'execution', execution)
  announce(task, 'processing')
end

-- What the worker gets for a claimed task.
local function granted(task)
  return { 1, task.id, task.queue, task.tenant, task.payload, task.runs, task.timeout, task.retry_count, task.memo }
end

local function read_waiting(id)
  local key = P .. 'job:' .. id
  local f = call('HMGET', key, 'status', 'origin', 'tenant', 'us', 'payload', 'runs', 'timeout', 'retry_count', 'memo')
  if not (f[1] and f[2] and f[3] and f[4]) then return nil end
  return { id = id, key = key, status = f[1], queue = f[2], type = split(f[2]), tenant = f[3], us = f[4],
    payload = f[5] or '{}', runs = tonumber(f[6] or 0), timeout = tonumber(f[7] or 3600), retry_count = tonumber(f[8] or 0),
    memo = f[9] or '' }
end

-- The reply of an earlier call whose answer was lost on the way, else nil.
local function repeated_grant(worker, execution)
  local w = call('HMGET', P .. 'worker:' .. worker, 'execution', 'current_job')
  if w[1] ~= execution or not w[2] then return nil end
  local task = read_waiting(w[2])
  if task and task.status == 'started' and call('HGET', task.key, 'lease') == execution then return granted(task) end
  return nil
end

-- Nothing may start: the worker is known to sleep from this instant on, and watches for the tokens that no other
-- sleeper watches for. One look at the earliest of them serves all.
local function sleep(worker, group, throttled)
  local watched, earliest = {}, nil
  for type, wait in pairs(throttled) do
    local s = limits(type)
    if s.watcher == worker or s.alarm <= now or s.alarm > now + wait then
      watched[#watched + 1] = type
      if not earliest or wait < earliest then earliest = wait end
    end
  end
  for _, type in ipairs(watched) do
    call('HSET', limits_key(type), 'alarm', int(now + earliest), 'watcher', worker)
  end
  call('HSET', P .. 'worker:' .. worker, 'state', 'idle')
  call('HSET', B .. 'groups', group, '1')
  call('SADD', B .. 'idle:' .. group, worker)
  call('DEL', B .. 'wake:' .. worker)
  return { 0, earliest and int(earliest) or '-1' }
end

-- {1, task...} or {0, microseconds until the token that the worker has to be awake for, or -1}
local function take(worker, execution, lease_us, group)
  local throttled = {}
  while call('EXISTS', P .. 'suspended') == 0 do
    local queue
    queue, throttled = choose(group)
    if not queue then break end
    local id = call('LPOP', P .. 'queue:' .. queue)
    local task = id and read_waiting(id)
    if not id then
      call('ZREM', B .. 'ready', queue)
    elseif task and task.status == 'queued' then -- anything else was deleted or moved by a foreign hand
      task.runs = task.runs + 1
      start(task, worker, execution, lease_us)
      local s = limits(task.type)
      spend(s)
      -- Tasks that came while there was no token woke nobody, and this worker will be busy.
      if s.rate and has_work(task.type) then wake(task.type) end
      return granted(task)
    end
  end
  return sleep(worker, group, throttled)
end

-- After a run ended: the next task, if the worker wants one.
local function take_next(worker, execution, lease_us, group)
  if execution ~= '' then return take(worker, execution, lease_us, group) end
  call('HSET', P .. 'worker:' .. worker, 'state', 'idle')
  return { 0, '-1' }
end
