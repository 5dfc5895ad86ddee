-- @include tags
-- @include task
-- @include wake
-- @include quotas
-- Accepting tasks of one tenant, one or a thousand, all of them or none. What a queue or an index gets is written once
-- for all of them.

-- `trace`: of the request that submits, '' for none; every script sets it. `asks_again`: of one that goes on asking by
-- itself, so that what it is refused is nobody's refused request.
local SUBMIT = { trace = '' }

-- RQ's call, as `broker.rq_records` pickles it.
local DATA = '(Vbroker.rq_records.refuse\nN(t(dt.'

-- What is said of a task beside its id and payload, and what follows from it for a tenant.
function SUBMIT.read_options(tenant, text)
  local template = { tenant = tenant }
  local group_size, tags_size, rest
  template.type, template.queue, template.max_retries, template.timeout, template.due, template.delay, group_size,
    tags_size, rest = string.match(text, '^([^%s@]+)@?%d* (%S+) (%d+) (%d+) (-?%d+) (%d+) (%d+) (%d+) (.*)$')
  if not template.type then error('no options of a task: ' .. text) end
  template.due, template.delay = tonumber(template.due), tonumber(template.delay)
  template.group, template.tags = string.sub(rest, 1, group_size), string.sub(rest, group_size + 1, group_size + tags_size)
  template.unique = #rest > group_size + tags_size and string.sub(rest, group_size + tags_size + 1)
  template.simple = template.due == 0 and template.delay == 0 and not template.unique
  template.description = 'for ' .. tenant -- RQ's tools show the type beside it, as the queue
  template.version = string.match(text, '^[^%s@]+@(%d+)')
  template.index = index_of(tenant, template.type)
  template.__index = template
  return template
end

-- Most tasks have the options of the one before. What they have in common is read once, and tasks only refer to it.
function SUBMIT.template_of(tenant, text)
  local templates = cache.templates[tenant] or {}
  local template = templates[text] or SUBMIT.read_options(tenant, text)
  cache.templates[tenant], templates[text] = templates, template
  return template
end

-- With places for what is found out later: a table that grows is copied.
function SUBMIT.new_task(id, tenant, payload, options)
  local task = { id = id, payload = payload, key = KEY.job(id), us = 0, status = 'pending' }
  return setmetatable(task, SUBMIT.template_of(tenant, options))
end

-- A batch keeps its order in lists, which are sorted by creation: each task is a microsecond younger than the one
-- before, which is less than it takes to write one.
function SUBMIT.set_times(tasks)
  for i, task in ipairs(tasks) do
    local us = now + i - 1
    if task.delay > 0 then task.due = us + task.delay end
    task.us, task.status = us, task.due > us and 'scheduled' or 'pending'
  end
end

-- Returns the tasks that are new. The others get their `holder`: the id of the task that was there, or comes earlier in
-- the batch, with the same id or unique key.
function SUBMIT.find_new(tasks)
  local keys, mine, new = {}, {}, {}
  for i, task in ipairs(tasks) do keys[i] = task.key end
  local some_exist = call('EXISTS', unpack(keys)) > 0
  for _, task in ipairs(tasks) do
    local name = task.unique and unique_key(task)
    if mine[task.key] or (some_exist and call('EXISTS', task.key) == 1) then
      task.holder = task.id
    elseif name then
      task.holder = mine[name] or holder_of(name)
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
function SUBMIT.bound(bounds)
  local most = cache.bounds[bounds]
  if not most then
    most = tonumber(string.match(bounds, '^%d+'))
    if most == 0 then most = math.huge end
    cache.bounds[bounds] = most
  end
  return most
end

-- How many tasks wait in an index: counted, or, while that is at most `enough`, what was counted a moment ago and those
-- submitted since, of which some may have been taken.
function SUBMIT.waiting_in(index, enough)
  local waiting = cache.waiting[index]
  if not waiting or waiting > enough then waiting = count_waiting(index) end
  cache.waiting[index] = waiting
  return waiting
end

-- For what a task of a type was refused.
function SUBMIT.count_refused(type_name, reply)
  if not SUBMIT.asks_again then COUNT.add(type_name, reply[1] == -1 and 'refused queue_full' or 'refused ' .. reply[2]) end
  return reply
end

-- Without room for one of the new tasks: {-1, how many of its type wait, type}, or the reply of a quota. Without any
-- waiting the tenant may be new.
function SUBMIT.refusal(new, bounds, size)
  local waiting, most = {}, SUBMIT.bound(bounds)
  for _, task in ipairs(new) do
    local type_name = task.type
    if not waiting[type_name] then
      waiting[type_name] = SUBMIT.waiting_in(task.index, most - #new)
      if waiting[type_name] == 0 then new.perhaps_first = true end
    end
    if waiting[type_name] >= most then
      return SUBMIT.count_refused(type_name, { -1, count_waiting(task.index), type_name })
    end
    waiting[type_name] = waiting[type_name] + 1
  end
  local refused = QUOTA.refusal(new[1].tenant, bounds, #new, size)
  return refused and SUBMIT.count_refused(new[1].type, refused)
end

-- What every run reads comes first: a small hash is searched from its beginning.
function SUBMIT.write_hash(task, seq)
  call('HSET', task.key, 'status', RQ_STATUS[task.status], 'us', task.us, 'tenant', task.tenant, 'origin', task.queue,
    'timeout', task.timeout, 'payload', task.payload, 'max_retries', task.max_retries, 'seq', seq, 'created_at',
    iso(task.us), 'description', task.description, 'data', DATA)
  if task.group ~= '' then call('HSET', task.key, 'group', task.group) end
  if task.tags ~= '' then TAG.set(task, task.tags) end
  if task.version then call('HSET', task.key, 'version', task.version) end
  if SUBMIT.trace ~= '' then call('HSET', task.key, 'trace', SUBMIT.trace) end
  if task.unique then
    call('HSET', task.key, 'unique', task.unique)
    call('SET', unique_key(task), task.id)
  end
end

function SUBMIT.write_scheduled(task)
  SUBMIT.write_hash(task, 0)
  if task.due < NEVER then call('HSET', task.key, 'scheduled_at', iso(task.due)) end
  schedule_at(task, task.due)
  local waiting = cache.waiting[task.index]
  if waiting then cache.waiting[task.index] = waiting + 1 end
  call('ZADD', task.index, score_of('scheduled', task.us), task.id)
  call('SADD', KEY.rq_queues(), facts(task.queue).list)
end

-- Pending tasks of one queue and group, which stand next to each other in the batch.
function SUBMIT.enqueue(tasks, first, last)
  local one, count = tasks[first], last - first + 1
  local seq = call('HINCRBY', ARRIVALS, one.queue, count) - last
  local order = SHARE.order_at_end(SHARE.line_of(one.queue, one.tenant, one.group), one.us) - first
  local ids, scores, line = {}, {}, {}
  for i = first, last do
    local task = tasks[i]
    SUBMIT.write_hash(task, seq + i)
    ids[#ids + 1] = task.id
    line[#line + 1] = order + i
    line[#line + 1] = task.id
    scores[#scores + 1] = score_of('pending', task.us)
    scores[#scores + 1] = task.id
  end
  call('ZADD', one.index, unpack(scores))
  if call('RPUSH', facts(one.queue).list, unpack(ids)) == count then LIST.note(one.queue, 1) end
  LINE.enter_many(tasks, first, last, line)
  local waiting = cache.waiting[one.index]
  if waiting then cache.waiting[one.index] = waiting + count end
end

-- Wakes a sleeper for each new task that could start now; for more than one, tokens are counted first.
function SUBMIT.wake_for(type_name, count)
  local s = count > 1 and limits(type_name)
  if s and s.rate then count = math.min(count, math.max(1, math.floor(s.level / TOKEN))) end
  for _ = 1, count do
    if not wake(type_name) then return end
  end
end

-- Does a pending task of the batch stand in the same line as the one before?
function SUBMIT.goes_with(task, before)
  return task.queue == before.queue and task.group == before.group and task.status == 'pending'
end

function SUBMIT.write(new)
  local pending, first = {}, 1
  while first <= #new do
    local task, last = new[first], first
    if task.status == 'scheduled' then
      SUBMIT.write_scheduled(task)
    else
      while last < #new and SUBMIT.goes_with(new[last + 1], task) do last = last + 1 end
      SUBMIT.enqueue(new, first, last)
      pending[task.type] = (pending[task.type] or 0) + last - first + 1
    end
    first = last + 1
  end
  for type_name, count in pairs(pending) do SUBMIT.wake_for(type_name, count) end
  for _, task in ipairs(new) do
    announce(task, task.status)
    COUNT.add(task.type, 'submitted')
  end
end

-- nil when all were accepted or found (those have a `holder` now), else the reply that refuses them. `most` may wait of
-- a type; `size` is that of an upload, if it is one.
function SUBMIT.accept(tasks, bounds, size)
  SUBMIT.set_times(tasks)
  local new = SUBMIT.find_new(tasks)
  if #new == 0 then return nil end
  local refused = SUBMIT.refusal(new, bounds, size)
  if refused then return refused end
  SUBMIT.write(new)
  if new.perhaps_first then call('SADD', KEY.tenants(), new[1].tenant) end
  return nil
end

-- The same of a single task that waits for nothing and has no unique key, in a straight line: most are like that.
function SUBMIT.accept_simple(task, bounds, size)
  local id = task.id
  if call('EXISTS', task.key) == 1 then
    task.holder = id
    return nil
  end
  task.us = now
  local most = SUBMIT.bound(bounds)
  local waiting = SUBMIT.waiting_in(task.index, most - 1)
  if waiting >= most then return SUBMIT.count_refused(task.type, { -1, waiting, task.type }) end
  local refused = QUOTA.refusal(task.tenant, bounds, 1, size)
  if refused then return SUBMIT.count_refused(task.type, refused) end
  SUBMIT.write_hash(task, next_seq(task.queue))
  call('ZADD', task.index, score_of('pending', now), id)
  append(task)
  cache.waiting[task.index] = waiting + 1
  if waiting == 0 then call('SADD', KEY.tenants(), task.tenant) end
  wake(task.type)
  announce(task, 'pending')
  COUNT.add(task.type, 'submitted')
  return nil
end

-- What the caller of a batch is told: when the first was created, and of each that was there its number from 0 and id.
function SUBMIT.reply(tasks)
  local reply = { 1, now }
  for i, task in ipairs(tasks) do
    if task.holder then
      reply[#reply + 1] = i - 1
      reply[#reply + 1] = task.holder
    end
  end
  return reply
end
