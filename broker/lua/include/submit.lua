-- @include task
-- @include wake
-- Accepting tasks of one tenant, one or a thousand, all of them or none. What a queue or an index gets is written once
-- for all of them.

-- What is said of a task beside its payload, which most have in common with the one before.
local function read_terms(text)
  local t = {}
  t.type, t.queue, t.max_retries, t.timeout, t.due, t.delay, t.unique =
    string.match(text, '^(%S+) (%S+) (%d+) (%d+) (-?%d+) (%d+) (.*)$')
  if not t.type then error('no terms of a task: ' .. text) end
  t.due, t.delay, t.unique = tonumber(t.due), tonumber(t.delay), t.unique ~= '' and t.unique
  return t
end

local function new_task(id, tenant, payload, text, data)
  kept.terms = kept.terms or {}
  local terms = kept.terms[text] or read_terms(text)
  kept.terms[text] = terms
  return { id = id, tenant = tenant, payload = payload, data = data, type = terms.type, queue = terms.queue,
    max_retries = terms.max_retries, timeout = terms.timeout, due = terms.due, delay = terms.delay, unique = terms.unique }
end

-- A batch keeps its order in lists, which are sorted by creation: each task is a microsecond younger than the one
-- before, which is less than it takes to write one.
local function set_times(tasks)
  for i, task in ipairs(tasks) do
    local us = now + i - 1
    if task.delay > 0 then task.due = us + task.delay end
    task.us, task.key, task.status = us, P .. 'job:' .. task.id, task.due > us and 'scheduled' or 'pending'
  end
end

-- Returns the tasks that are new. The others get their `holder`: the id of the task that was there, or comes earlier in
-- the batch, with the same id or unique key.
local function find_new(tasks)
  local keys, mine, new = {}, {}, {}
  for i, task in ipairs(tasks) do keys[i] = task.key end
  local some_exist = call('EXISTS', unpack(keys)) > 0
  for _, task in ipairs(tasks) do
    local name = task.unique and unique_key(task)
    if mine[task.key] or (some_exist and call('EXISTS', task.key) == 1) then
      task.holder = task.id
    elseif name then
      local holder = mine[name] or call('GET', name)
      if holder and (mine[name] or call('EXISTS', P .. 'job:' .. holder) == 1) then task.holder = holder end
    end
    if not task.holder then
      mine[task.key] = task.id
      if name then mine[name] = task.id end
      new[#new + 1] = task
    end
  end
  return new
end

-- How many tasks wait in an index: counted, or, while that is at most `enough`, what was counted a moment ago and those
-- submitted since, of which some may have been taken.
local function waiting_in(index, enough)
  local name = waiting_name(index)
  if not kept[name] or kept[name] > enough then kept[name] = count_in(index, 'pending') end
  return kept[name]
end

-- Without room for one of the new tasks: {-1, how many of its type wait, type}. Without any waiting the tenant may be new.
local function refusal(new, most)
  local waiting = {}
  for _, task in ipairs(new) do
    local type = task.type
    if not waiting[type] then
      waiting[type] = waiting_in(index_of(task.tenant, type), most - #new)
      if waiting[type] == 0 then new.perhaps_first = true end
    end
    if waiting[type] >= most then return { -1, count_in(index_of(task.tenant, type), 'pending'), type } end
    if task.status == 'pending' then waiting[type] = waiting[type] + 1 end
  end
  return nil
end

local function write_hash(task, seq)
  call('HSET', task.key, 'created_at', iso(task.us), 'us', task.us, 'status', RQ_STATUS[task.status], 'origin',
    task.queue, 'data', task.data, 'description', task.type .. ' for ' .. task.tenant, 'timeout', task.timeout,
    'tenant', task.tenant, 'payload', task.payload, 'max_retries', task.max_retries, 'seq', seq)
  if task.unique then
    call('HSET', task.key, 'unique', task.unique)
    call('SET', unique_key(task), task.id)
  end
end

local function schedule(task)
  write_hash(task, 0)
  call('HSET', task.key, 'scheduled_at', iso(task.due))
  call('ZADD', B .. 'due', task.due, task.id)
  call('ZADD', P .. 'scheduled:' .. task.queue, math.floor(task.due / 1000000), task.id)
  call('ZADD', index_of(task.tenant, task.type), score_of('scheduled', task.us), task.id)
  call('SADD', P .. 'queues', P .. 'queue:' .. task.queue)
end

-- Pending tasks of one queue, which stand next to each other in the batch.
local function enqueue(tasks, first, last)
  local queue, index, count = tasks[first].queue, index_of(tasks[first].tenant, tasks[first].type), last - first + 1
  local seq = call('HINCRBY', B .. 'arrivals', queue, count) - last
  local ids, scores = {}, {}
  for i = first, last do
    local task = tasks[i]
    write_hash(task, seq + i)
    ids[#ids + 1] = task.id
    scores[#scores + 1] = score_of('pending', task.us)
    scores[#scores + 1] = task.id
  end
  call('ZADD', index, unpack(scores))
  if call('RPUSH', P .. 'queue:' .. queue, unpack(ids)) == count then filled(queue, 1) end
  local name = waiting_name(index)
  if kept[name] then kept[name] = kept[name] + count end
end

-- Wakes a sleeper for each new task that could start now; for more than one, tokens are counted first.
local function wake_for(type, count)
  local s = count > 1 and limits(type)
  if s and s.rate then count = math.min(count, math.max(1, math.floor(s.level / TOKEN))) end
  for _ = 1, count do
    if not wake(type) then return end
  end
end

local function write(new)
  local times, pending = {}, {}
  local first = 1
  while first <= #new do
    local task, last = new[first], first
    if task.status == 'scheduled' then
      schedule(task)
    else
      while last < #new and new[last + 1].queue == task.queue and new[last + 1].status == 'pending' do last = last + 1 end
      enqueue(new, first, last)
      pending[task.type] = (pending[task.type] or 0) + last - first + 1
    end
    for i = first, last do
      times[2 * i - 1], times[2 * i] = new[i].us, new[i].id
    end
    first = last + 1
  end
  call('ZADD', B .. 'tasks:' .. new[1].tenant, unpack(times))
  for type, count in pairs(pending) do wake_for(type, count) end
  for _, task in ipairs(new) do announce(task, task.status) end
end

-- nil when all were accepted or found (those have a `holder` now), else the reply that refuses them. `most` may wait of
-- a type, 0 for any number.
local function accept(tasks, most)
  set_times(tasks)
  local new = find_new(tasks)
  if #new == 0 then return nil end
  local refused = refusal(new, most > 0 and most or math.huge)
  if refused then return refused end
  write(new)
  if new.perhaps_first then call('SADD', B .. 'tenants', new[1].tenant) end
  return nil
end
