-- @include strangers
-- @include task
-- @include wake
-- Taking the next task: the highest priority among the types that may start, ties to the type served longest ago. Where
-- none may now, the one whose token is due first, if that is at once.

-- The queue to take from or nil, and the microseconds until its token is due; the types that have work and no token, with
-- the microseconds until they may be taken; whether types compete: other queues have work, or the worker could have; and
-- whether a type that has work is undeclared.
local function choose(group)
  local entries = call('ZREVRANGE', READY, 0, -1, 'WITHSCORES')
  local best, best_score, soon, soon_due
  local throttled, undeclared = {}, false
  for i = 1, #entries, 2 do
    local queue, score = entries[i], entries[i + 1]
    if best and score ~= best_score then break end
    local type_name = type_of(queue)
    if listens(group, type_name) then
      local s = limits(type_name)
      local wait = wait_for(s)
      local due = wait and due_in(s)
      if due and due > 0 and begins_free(queue) then due = 0 end
      if due == 0 then
        if not best or served(s) < served(limits(type_of(best))) then best, best_score = queue, score end
      elseif wait == 0 then
        if not soon or due < soon_due then soon, soon_due = queue, due end
      elseif wait then
        throttled[type_name] = wait
      elseif not s.declared then
        undeclared = true
      end
    end
  end
  local compete = #entries > 2 or string.find(group, ',', 1, true) ~= nil
  return best or soon, best and 0 or soon_due, throttled, compete, undeclared
end

-- It begins in `ahead` microseconds. `busy`: the worker's record says already that it is.
local function start(task, worker, execution, lease_us, busy, ahead)
  reindex(task, 'processing')
  call('HSET', task.key, 'status', 'started', 'lease', execution, 'started_at', ahead > 0 and iso(now + ahead) or at(),
    'runs', task.runs, 'worker_name', worker)
  set_lease(task, execution, lease_us)
  local record = KEY.worker(worker)
  if busy then call('HSET', record, 'current_job', task.id) else call('HSET', record, 'current_job', task.id, 'state', 'busy') end
  announce(task, 'processing')
end

-- What the worker gets for a claimed task, which it begins in `ahead` microseconds.
local function granted(task, ahead)
  return { 1, task.id, task.queue, task.tenant, task.payload, task.runs, task.timeout, task.retry_count, task.memo, ahead }
end

-- What a run needs of its task, which was found in `queue`.
local function read_waiting(id, queue)
  local key = KEY.job(id)
  local f = call('HMGET', key, 'status', 'tenant', 'us', 'payload', 'runs', 'timeout', 'retry_count', 'memo',
    'postponed', 'looks')
  if not (f[1] and f[2] and f[3]) then return nil end
  return { id = id, key = key, status = f[1], queue = queue, type = type_of(queue), tenant = f[2], us = tonumber(f[3]) or 0,
    payload = f[4] or '{}', runs = tonumber(f[5]) or 0, timeout = tonumber(f[6]) or 3600,
    retry_count = tonumber(f[7]) or 0,
    memo = f[8] or '', free = looks_for_free(f[5], f[9], f[10]) }
end

-- The reply of an earlier call whose answer was lost on the way, else nil.
local function repeated_grant(worker, execution)
  local id = call('HGET', KEY.worker(worker), 'current_job')
  local f = id and call('HMGET', KEY.job(id), 'lease', 'origin', 'started_at')
  local task = f and f[1] == execution and f[2] and read_waiting(id, f[2])
  return task and task.status == 'started' and granted(task, still_ahead(f[3])) or nil
end

-- Nothing may start: the worker is known to sleep from this instant on, and watches for the tokens that no other
-- sleeper watches for. One look at the earliest of them serves all.
local function sleep(worker, group, throttled, undeclared)
  local watched, earliest = {}, nil
  for type_name, wait in pairs(throttled) do
    local s = limits(type_name)
    if s.watcher == worker or s.alarm <= now or s.alarm > now + wait then
      watched[#watched + 1] = type_name
      if not earliest or wait < earliest then earliest = wait end
    end
  end
  for _, type_name in ipairs(watched) do
    call('HSET', KEY.limits(type_name), 'alarm', now + earliest, 'watcher', worker)
  end
  call('HSET', KEY.worker(worker), 'state', 'idle')
  if call('HSET', KEY.groups(), group, '1') == 1 then clear_cache() end
  call('SADD', KEY.idle(group), worker)
  call('DEL', KEY.wake(worker))
  return { 0, undeclared and -2 or earliest or -1 }
end

-- Ids without a task that one claim drops from queues, which takes it a millisecond or two; the next goes on.
local MOST_DROPPED = 1000

-- {1, task...} or {0, microseconds until it may take the task that it has to be awake for, or -1; -2 when it should
-- declare its types and ask again}
local function take(worker, execution, lease_us, group, busy)
  local throttled, undeclared, dropped = {}, false, 0
  while not suspended() do
    local queue, ahead, compete
    queue, ahead, throttled, compete, undeclared = choose(group)
    if not queue then break end
    local id = call('LPOP', facts(queue).list)
    local task = id and read_waiting(id, queue)
    if not id then
      call('ZREM', READY, queue)
    elseif task and task.status == 'queued' then
      task.runs = task.runs + 1
      start(task, worker, execution, lease_us, busy, ahead)
      local s = limits(task.type)
      spend(s, compete, task.free, ahead)
      -- Tasks that came while there was no token woke nobody, and this worker will be busy.
      if s.rate and has_work(task.type) then wake(task.type) end
      return granted(task, ahead)
    else -- deleted or moved by a foreign hand, or put here by one
      if not task and is_stranger(id) then set_aside(id) end
      dropped = dropped + 1
      if dropped == MOST_DROPPED then
        sleep(worker, group, throttled, undeclared)
        return { 0, 1 }
      end
    end
  end
  return sleep(worker, group, throttled, undeclared)
end

-- After a run ended: the next task, if the worker wants one.
local function take_next(worker, execution, lease_us, group)
  if execution ~= '' then return take(worker, execution, lease_us, group, true) end
  call('HSET', KEY.worker(worker), 'state', 'idle')
  return { 0, -1 }
end

-- What goes with the outcome of a run: the worker's next task. Not `fresh`, the call may repeat one whose answer was lost.
local function after_run(task, fresh, worker, execution, lease_us, group)
  local grant = not fresh and repeated_grant(worker, execution) or take_next(worker, execution, lease_us, group)
  if fresh then wake_for_slot(task.type) end
  return grant
end
