-- @include deadlines
-- @include turns
-- @include versions
-- @include counts
-- Taking the next task: the highest level among the types that may start, ties to the type served longest ago. Where
-- none may now, the one whose token is due first, if that is at once.

local NEXT = {}

-- The queue to take from or nil, and the microseconds until its token is due; the types that have work and no token, with
-- the microseconds until they may be taken; whether types compete: other queues have work, or the worker could have; and
-- whether a type that has work is undeclared.
-- `entries`: the queues that have work, highest first.
function NEXT.choose_of(entries, group)
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

-- The one queue to take from whatever is the time: none stands as high, and its type has no limits. Else nil.
function NEXT.choice_of(entries, group)
  for i = 1, #entries, 2 do
    local s = listens(group, type_of(entries[i])) and settings(type_of(entries[i]))
    if s then
      local alone = entries[i + 3] ~= entries[i + 1]
      return alone and s.declared and not (s.rate or s.concurrency or s.paused) and entries[i] or nil
    end
  end
  return nil
end

-- Which queues have work is remembered as settings are, but nobody is sent to sleep by that: another release's scripts may
-- have made one ready.
local function choose(group)
  local choice = cache.choices and cache.choices[group]
  if choice then return choice.queue, 0, nil, choice.compete, false end
  local entries = cache.ready or call('ZREVRANGE', READY, 0, -1, 'WITHSCORES')
  local queue, ahead, throttled, compete, undeclared = NEXT.choose_of(entries, group)
  if not queue and cache.ready then
    entries = call('ZREVRANGE', READY, 0, -1, 'WITHSCORES')
    queue, ahead, throttled, compete, undeclared = NEXT.choose_of(entries, group)
  end
  if entries ~= cache.ready then cache.ready, cache.choices = entries, {} end
  local only = queue and NEXT.choice_of(entries, group)
  if only then cache.choices[group] = { queue = only, compete = compete } end
  return queue, ahead, throttled, compete, undeclared
end

-- No task waits in a queue.
function NEXT.mark_idle(queue)
  forget_ready()
  call('ZREM', READY, queue)
end

-- Lets those of a group's types go on whose token is due, and brings back what only newer workers know.
function NEXT.let_go_due(group)
  if cache.plain[group] then return end
  local plain = not string.find(group, '@', 1, true)
  for type_name in pairs(types_in(group)) do
    if CAP.any(type_name) then
      plain = false
      CAP.let_go_due(type_name)
    end
  end
  if string.find(group, '@', 1, true) then VERSIONS.bring_back(group) end
  cache.plain[group] = plain
end

-- It begins in `ahead` microseconds. `busy`: the worker's record says already that it is. `charged`: what its tenant is
-- charged, if anything.
local function start(task, worker, execution, lease_us, busy, ahead, charged)
  reindex(task, 'processing')
  call('HSET', task.key, 'status', 'started', 'lease', execution, 'started_at', ahead > 0 and iso(now + ahead) or at(),
    'runs', task.runs, 'worker_name', worker,
    unpack((charged or task.charged) and { 'charged', charged or '' } or NOTHING))
  set_lease(task, execution, lease_us)
  task.status, task.lease, task.began, task.worker = 'processing', execution, now + ahead, worker
  task.charged, cache.granted[worker] = charged, task
  local record = KEY.worker(worker)
  if busy then call('HSET', record, 'current_job', task.id) else call('HSET', record, 'current_job', task.id, 'state', 'busy') end
  announce(task, 'processing')
end

-- What the worker gets for a claimed task, which it begins in `ahead` microseconds.
local function reply_of(task, ahead)
  return { 1, task.id, task.queue, task.tenant, task.payload, task.runs, task.timeout, task.retry_count, task.memo, ahead,
    task.trace }
end

-- What a run needs of its task, which was found in `queue`. Each field costs, above all one that is not there: what only
-- a task has that has run is asked of no other.
-- `first`: whether it is likely to stand first in RQ's list, where its slot is not asked for.
local function read_waiting(id, queue, first)
  local key, f = KEY.job(id), nil
  if first then
    f = call('HMGET', key, 'status', 'us', 'tenant', 'timeout', 'payload', 'runs', 'flow', 'version', 'trace')
  else
    f = call('HMGET', key, 'status', 'us', 'tenant', 'timeout', 'payload', 'runs', 'flow', 'version', 'trace', 'seq')
  end
  if not (f[1] and f[2] and f[3]) then return nil end
  local type_name = type_of(queue)
  local task = { id = id, key = key, status = f[1], queue = queue, lifted = false, type = type_name, tenant = f[3],
    us = tonumber(f[2]) or 0, payload = f[5] or '{}', runs = 0, timeout = tonumber(f[4]) or 3600, retry_count = 0, memo = '',
    free = false, flow = f[7], version = tonumber(f[8] or nil), trace = f[9] or '', seq = f[10], charged = false,
    group = '' }
  if f[6] then
    local g = call('HMGET', key, 'retry_count', 'memo', 'postponed', 'looks', 'charged')
    task.runs, task.retry_count, task.memo = tonumber(f[6]) or 0, tonumber(g[1] or nil) or 0, g[2] or ''
    task.free, task.charged = looks_for_free(f[6], g[3], g[4]), g[5]
  end
  if settings(type_name).aged then
    task.queue = call('HGET', key, 'origin') or queue
    task.lifted = task.queue ~= queue and queue
  end
  return task
end

-- The reply of an earlier call whose answer was lost on the way, else nil.
local function repeated_grant(worker, execution)
  local id = call('HGET', KEY.worker(worker), 'current_job')
  local f = id and call('HMGET', KEY.job(id), 'lease', 'origin', 'started_at')
  local task = f and f[1] == execution and f[2] and read_waiting(id, f[2])
  return task and task.status == 'started' and reply_of(task, still_ahead(f[3])) or nil
end

-- Nothing may start: the worker is known to sleep from this instant on, and watches for the tokens that no other
-- sleeper watches for. One look at the earliest of them serves all.
local function sleep(worker, group, throttled, undeclared)
  local watched, earliest = {}, nil
  throttled = throttled or {}
  for type_name in pairs(types_in(group)) do
    local due = CAP.next_due(type_name)
    if due and due < (throttled[type_name] or NEVER) then throttled[type_name] = due end
  end
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

-- Tasks that stand in RQ's list of a queue and in no line, where a foreign hand or an older release has put them, get
-- into line; what is no task of ours leaves the list. Looks at the first hundred. Returns whether any did.
NEXT.ADOPTED = 100
local function adopt(queue)
  local list, found = facts(queue).list, false
  for _, id in ipairs(call('LRANGE', list, 0, NEXT.ADOPTED - 1)) do
    local task = read_task(id)
    local waits, is_new = LINE.adopt(task, queue)
    if not waits then
      call('LREM', list, 1, id)
      if not task and is_stranger(id) then set_aside(id) end
    end
    found = found or is_new or not waits
  end
  return found
end

-- Puts the task whose turn it is aside, if a hold wants that.
local function put_aside(task, turn)
  task.group = turn.group
  if not (cache.holds or HOLD.all())[1] then return nil end
  local hold = HOLD.of(task)
  if hold then HOLD.park(hold, task, turn.order) end
  return hold
end

-- What is no waiting task leaves RQ's list, if it stands first there; else the reconciler finds it.
local function drop_head(queue, id)
  if call('LINDEX', facts(queue).list, 0) == id then call('LPOP', facts(queue).list) end
end

-- Is the worker to take nothing more?
local function draining(worker)
  if cache.draining[worker] == nil then cache.draining[worker] = call('EXISTS', KEY.draining(worker)) == 1 end
  return cache.draining[worker]
end

-- {1, task...} or {0, microseconds until it may take the task that it has to be awake for, or -1; -2 when it should
-- declare its types and ask again}. `more`: beside another that it works on, so that it does not sleep: nil for none.
local function take(worker, execution, lease_us, group, busy, more)
  if draining(worker) then
    call('HSET', KEY.worker(worker), 'state', 'idle')
    return { 0, -1 } -- not among the sleepers: nobody is to wake it
  end
  NEXT.let_go_due(group)
  local throttled, undeclared, dropped = nil, false, 0
  while not suspended() do
    local queue, ahead, compete
    queue, ahead, throttled, compete, undeclared = choose(group)
    if not queue then break end
    local turn = SHARE.take_turn(queue)
    local task = turn and read_waiting(turn.id, queue, turn.line)
    local queued = task and task.status == 'queued'
    local beyond = queued and task.version and VERSIONS.beyond(task, group)
    local late = queued and DEADLINE.has_passed(task, now + ahead)
    if not turn then
      if not adopt(queue) then NEXT.mark_idle(queue) end
    elseif queued and not beyond and not late and not put_aside(task, turn) then
      task.runs = task.runs + 1
      LIST.remove_started(task.queue, task.id, task.seq)
      local set = settings(task.type)
      if set.aging then LINE.stop_aging(task) end
      start(task, worker, execution, lease_us, busy, ahead, turn ~= cache.sole[queue] and SHARE.charge(queue, turn))
      local s = set.rate and limits(task.type) or set
      if s.rate or compete then spend(s, compete, task.free, ahead) end
      if not task.free then COUNT.observe(task.type, 'wait', math.max(0, now + ahead - turn.order)) end
      if task.group ~= '' then CAP.begin_group(task) end
      if set.capped then
        if not task.free then CAP.spend(task.type, task.tenant) end
        if CAP.next_due(task.type) then wake_to_watch(task.type) end
      end
      -- Tasks that came while there was no token woke nobody, and this worker will be busy.
      if s.rate and has_work(task.type) then wake(task.type) end
      return reply_of(task, ahead)
    else -- deleted or moved by a foreign hand, too late, held, or beyond this worker
      if late then
        DEADLINE.pass(read_task(task.id))
      elseif beyond then
        VERSIONS.put_aside(task)
      elseif not queued then
        drop_head(queue, turn.id)
      end
      dropped = dropped + (late and DEADLINE.as_dropped or beyond and VERSIONS.as_dropped or queued and HOLD.as_dropped or 1)
      if more then return nil end
      if dropped >= MOST_DROPPED then
        sleep(worker, group, throttled, undeclared)
        return { 0, 1 }
      end
    end
  end
  if more then return nil end
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
