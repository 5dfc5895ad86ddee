-- @include task
-- @include wake
-- Accepting tasks of one tenant, one or a thousand, all of them or none. What a queue or an index gets is written once
-- for all of them.

-- RQ's call, as `broker.rq_records` pickles it.
local DATA = '(Vbroker.rq_records.refuse\nN(t(dt.'

-- What is said of a task beside its id and payload, and what follows from it for a tenant.
local function read_options(tenant, text)
  local template = { tenant = tenant }
  template.type, template.queue, template.max_retries, template.timeout, template.due, template.delay, template.unique =
    string.match(text, '^(%S+) (%S+) (%d+) (%d+) (-?%d+) (%d+) (.*)$')
  if not template.type then error('no options of a task: ' .. text) end
  template.due, template.delay, template.unique = tonumber(template.due), tonumber(template.delay), template.unique ~= '' and template.unique
  template.simple = template.due == 0 and template.delay == 0 and not template.unique
  template.description = template.type .. ' for ' .. tenant
  template.index = index_of(tenant, template.type)
  template.__index = template
  return template
end

-- Most tasks have the options of the one before. What they have in common is read once, and tasks only refer to it.
local function template_of(tenant, text)
  local templates = cache.templates[tenant] or {}
  local template = templates[text] or read_options(tenant, text)
  cache.templates[tenant], templates[text] = templates, template
  return template
end

-- With places for what is found out later: a table that grows is copied.
local function new_task(id, tenant, payload, options)
  local task = { id = id, payload = payload, key = KEY.job(id), us = 0, status = 'pending' }
  return setmetatable(task, template_of(tenant, options))
end

-- A batch keeps its order in lists, which are sorted by creation: each task is a microsecond younger than the one
-- before, which is less than it takes to write one.
local function set_times(tasks)
  for i, task in ipairs(tasks) do
    local us = now + i - 1
    if task.delay > 0 then task.due = us + task.delay end
    task.us, task.status = us, task.due > us and 'scheduled' or 'pending'
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
      if holder and (mine[name] or call('EXISTS', KEY.job(holder)) == 1) then task.holder = holder end
    end
    if not task.holder then
      mine[task.key] = task.id
      if name then mine[name] = task.id end
      new[#new + 1] = task
    end
  end
  return new
end

-- How many tasks of a type may wait, due or not, 0 for any number.
local function bound(max_pending)
  local most = tonumber(max_pending)
  return most > 0 and most or math.huge
end

-- How many tasks wait in an index: counted, or, while that is at most `enough`, what was counted a moment ago and those
-- submitted since, of which some may have been taken.
local function waiting_in(index, enough)
  local waiting = cache.waiting[index]
  if not waiting or waiting > enough then waiting = count_waiting(index) end
  cache.waiting[index] = waiting
  return waiting
end

-- Without room for one of the new tasks: {-1, how many of its type wait, type}. Without any waiting the tenant may be new.
local function refusal(new, most)
  local waiting = {}
  for _, task in ipairs(new) do
    local type_name = task.type
    if not waiting[type_name] then
      waiting[type_name] = waiting_in(task.index, most - #new)
      if waiting[type_name] == 0 then new.perhaps_first = true end
    end
    if waiting[type_name] >= most then return { -1, count_waiting(task.index), type_name } end
    waiting[type_name] = waiting[type_name] + 1
  end
  return nil
end

-- What every run reads comes first: a small hash is searched from its beginning.
local function write_hash(task, seq)
  call('HSET', task.key, 'status', RQ_STATUS[task.status], 'us', task.us, 'tenant', task.tenant, 'origin', task.queue,
    'timeout', task.timeout, 'payload', task.payload, 'max_retries', task.max_retries, 'seq', seq, 'created_at',
    iso(task.us), 'description', task.description, 'data', DATA)
  if task.unique then
    call('HSET', task.key, 'unique', task.unique)
    call('SET', unique_key(task), task.id)
  end
end

local function write_scheduled(task)
  write_hash(task, 0)
  call('HSET', task.key, 'scheduled_at', iso(task.due))
  schedule_at(task, task.due)
  local waiting = cache.waiting[task.index]
  if waiting then cache.waiting[task.index] = waiting + 1 end
  call('ZADD', task.index, score_of('scheduled', task.us), task.id)
  call('SADD', KEY.rq_queues(), facts(task.queue).list)
end

-- Pending tasks of one queue, which stand next to each other in the batch.
local function enqueue(tasks, first, last)
  local one, count = tasks[first], last - first + 1
  local seq = call('HINCRBY', ARRIVALS, one.queue, count) - last
  local ids, scores = {}, {}
  for i = first, last do
    local task = tasks[i]
    write_hash(task, seq + i)
    ids[#ids + 1] = task.id
    scores[#scores + 1] = score_of('pending', task.us)
    scores[#scores + 1] = task.id
  end
  call('ZADD', one.index, unpack(scores))
  if call('RPUSH', facts(one.queue).list, unpack(ids)) == count then mark_ready(one.queue, 1) end
  local waiting = cache.waiting[one.index]
  if waiting then cache.waiting[one.index] = waiting + count end
end

-- Wakes a sleeper for each new task that could start now; for more than one, tokens are counted first.
local function wake_for(type_name, count)
  local s = count > 1 and limits(type_name)
  if s and s.rate then count = math.min(count, math.max(1, math.floor(s.level / TOKEN))) end
  for _ = 1, count do
    if not wake(type_name) then return end
  end
end

local function write(new)
  local pending, first = {}, 1
  while first <= #new do
    local task, last = new[first], first
    if task.status == 'scheduled' then
      write_scheduled(task)
    else
      while last < #new and new[last + 1].queue == task.queue and new[last + 1].status == 'pending' do last = last + 1 end
      enqueue(new, first, last)
      pending[task.type] = (pending[task.type] or 0) + last - first + 1
    end
    first = last + 1
  end
  for type_name, count in pairs(pending) do wake_for(type_name, count) end
  for _, task in ipairs(new) do announce(task, task.status) end
end

-- nil when all were accepted or found (those have a `holder` now), else the reply that refuses them. `most` may wait of
-- a type.
local function accept(tasks, most)
  set_times(tasks)
  local new = find_new(tasks)
  if #new == 0 then return nil end
  local refused = refusal(new, most)
  if refused then return refused end
  write(new)
  if new.perhaps_first then call('SADD', KEY.tenants(), new[1].tenant) end
  return nil
end

-- The same of a single task that waits for nothing and has no unique key, in a straight line: most are like that.
local function accept_simple(task, most)
  local id = task.id
  if call('EXISTS', task.key) == 1 then
    task.holder = id
    return nil
  end
  task.us = now
  local waiting = waiting_in(task.index, most - 1)
  if waiting >= most then return { -1, waiting, task.type } end
  write_hash(task, next_seq(task.queue))
  call('ZADD', task.index, score_of('pending', now), id)
  append(task)
  cache.waiting[task.index] = waiting + 1
  if waiting == 0 then call('SADD', KEY.tenants(), task.tenant) end
  wake(task.type)
  announce(task, 'pending')
  return nil
end
