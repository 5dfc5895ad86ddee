-- @include task
-- @include wake
-- Accepting tasks of one tenant, one or a thousand, all of them or none. What a queue or an index gets is written once
-- for all of them. A task comes with: id, type, queue, tenant, payload, max_retries, timeout, due, delay, unique.

-- A batch keeps its order in lists, which are sorted by creation: each task is a microsecond younger than the one
-- before, which is less than it takes to write one.
local function set_times(tasks)
  for i, task in ipairs(tasks) do
    local us = now + i - 1
    local due = task.delay > 0 and us + task.delay or task.due
    task.created, task.us, task.key = us, int(us), P .. 'job:' .. task.id
    task.status, task.due = due > us and 'scheduled' or 'pending', due
  end
end

-- Gives those that are not new their `holder`: the id of the task that was there, or comes earlier in the batch, with
-- the same id or unique key.
local function find_holders(tasks)
  local keys, mine = {}, {}
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
    end
  end
end

-- Without room for one of the new tasks: {-1, how many of its type wait, type}. Without any waiting the tenant may be new.
local function refusal(tasks, most)
  local found, waiting = {}, {}
  for _, task in ipairs(tasks) do
    if not task.holder then
      local type = task.type
      if not found[type] then
        found[type] = count_in(index_of(task.tenant, type), 'pending')
        waiting[type] = found[type]
        if found[type] == 0 then tasks.perhaps_new_tenant = true end
      end
      if most > 0 and waiting[type] >= most then return { -1, found[type], type } end
      if task.status == 'pending' then waiting[type] = waiting[type] + 1 end
    end
  end
  return nil
end

local function write_hash(task, seq)
  call('HSET', task.key, 'created_at', iso(task.created), 'us', task.us, 'status', RQ_STATUS[task.status], 'origin',
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
  call('ZADD', index_of(task.tenant, task.type), score_of('scheduled', task.created), task.id)
  call('SADD', P .. 'queues', P .. 'queue:' .. task.queue)
end

-- Pending tasks of one queue.
local function enqueue(queue, tasks)
  local ids, members = {}, {}
  local seq = call('HINCRBY', B .. 'arrivals', queue, #tasks) - #tasks
  for i, task in ipairs(tasks) do
    ids[i] = task.id
    members[2 * i - 1], members[2 * i] = score_of('pending', task.created), task.id
    write_hash(task, seq + i)
  end
  call('ZADD', index_of(tasks[1].tenant, tasks[1].type), unpack(members))
  if call('RPUSH', P .. 'queue:' .. queue, unpack(ids)) == #ids then filled(queue, 1) end
end

-- Wakes a sleeper for each new task that could start now; for more than one, tokens are counted first.
local function wake_for(type, count)
  local s = count > 1 and limits(type)
  if s and s.rate then count = math.min(count, math.max(1, math.floor(s.level / TOKEN))) end
  for _ = 1, count do
    if not wake(type) then return end
  end
end

local function write(tasks)
  local members, queues, pending = {}, {}, {}
  for _, task in ipairs(tasks) do
    if not task.holder then
      members[#members + 1] = task.us
      members[#members + 1] = task.id
      if task.status == 'scheduled' then
        schedule(task)
      else
        local line = queues[task.queue]
        if not line then
          line = {}
          queues[task.queue] = line
        end
        line[#line + 1] = task
      end
    end
  end
  if #members == 0 then return end
  call('ZADD', B .. 'tasks:' .. tasks[1].tenant, unpack(members))
  for queue, line in pairs(queues) do
    enqueue(queue, line)
    pending[line[1].type] = (pending[line[1].type] or 0) + #line
  end
  for type, count in pairs(pending) do wake_for(type, count) end
  for _, task in ipairs(tasks) do
    if not task.holder then announce(task, task.status) end
  end
end

-- nil when all were accepted or found (those have a `holder` now), else the reply that refuses them.
local function accept(tasks, most)
  set_times(tasks)
  find_holders(tasks)
  local refused = refusal(tasks, most)
  if refused then return refused end
  write(tasks)
  if tasks.perhaps_new_tenant then call('SADD', B .. 'tenants', tasks[1].tenant) end
  return nil
end
