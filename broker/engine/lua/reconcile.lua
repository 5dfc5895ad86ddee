-- reconcile: makes one task's place agree with the truth after a foreign hand changed something behind our back.
-- The truth is RQ's hash: gone is gone, queued is pending, canceled is cancelled. What only we can do (run, finish,
-- fail) and did not do never happened: such a task goes back into its queue.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] tenant  of the index that named it, '' when none did
-- ARGV[3] queue  that named it
-- Returns what was done: 'gone', 'pending', 'scheduled', 'cancelled', or '' when all was well
-- @include lose
local task = read_task(id)
local type = type_of(queue)

-- Removes the task from every place but that of `status`, and sees that a queue with other tasks is known to have some.
local function forget(q, status)
  local list = P .. 'queue:' .. q
  for other, word in pairs(RQ_STATUS) do
    if other == 'pending' then
      if status ~= other then call('LREM', list, 0, id) end
    elseif other ~= status and other ~= 'processing' then
      call('ZREM', P .. word .. ':' .. q, id)
    end
  end
  if call('EXISTS', list) == 1 then filled(q, 1) end
  if status ~= 'scheduled' then call('ZREM', B .. 'due', id) end
  for _, run in ipairs(call('ZRANGE', P .. 'wip:' .. q, 0, -1)) do
    local own = status == 'processing' and run == id .. ':' .. task.lease
    if string.sub(run, 1, #id + 1) == id .. ':' and not own then
      call('ZREM', P .. 'wip:' .. q, run)
      call('ZREM', P .. 'executions:' .. id, string.sub(run, #id + 2))
      call('DEL', P .. 'execution:' .. run)
    end
  end
end

-- How long a completed task that a foreign hand took ran is not known any more: the mean stays what it was.
local function uncount(of)
  local index = index_of(of, type)
  if indexed_as(index, id) ~= 'completed' then return end
  local sum = tonumber(call('HGET', B .. 'durations:' .. of, type) or 0)
  call('HINCRBY', B .. 'durations:' .. of, type, -math.floor(sum / count_in(index, 'completed')))
end

if not task then
  forget(queue)
  if tenant ~= '' then
    uncount(tenant)
    call('ZREM', index_of(tenant, type), id)
    tell(tenant, 'gone', { task = id, type = type })
  end
  wake_for_slot(type)
  return 'gone'
end

if queue ~= task.queue then forget(queue) end
local index = index_of(task.tenant, type)
local indexed = indexed_as(index, id)
local leased = call('ZSCORE', P .. 'wip:' .. task.queue, id .. ':' .. task.lease)

local truth = task.status
if truth == 'processing' and not leased and task.lease ~= '' and not string.find(task.lease, ' ', 1, true) then
  hold(task, task.lease, 5000000) -- a foreign hand took our run out of RQ's registry: its worker's next beat decides
  leased = true
end
if truth == 'processing' and not (leased and indexed == truth) then
  -- A stock worker that is at it fails within moments; give it that long.
  if now - (microseconds(task.started_at) or 0) < 2000000 then return '' end
  truth = 'pending'
elseif not RQ_STATUS[truth] or ((truth == 'completed' or truth == 'failed') and indexed ~= truth) then
  truth = 'pending'
end

local function in_place()
  if indexed ~= truth then return false end
  if truth == 'pending' then return #call('LPOS', P .. 'queue:' .. task.queue, id, 'COUNT', 0) == 1 end
  return truth ~= 'scheduled' or call('ZSCORE', B .. 'due', id)
end

-- RQ's entry for a task that is where it belongs.
local function restore()
  local registry = P .. RQ_STATUS[truth] .. ':' .. task.queue
  if truth == 'scheduled' then
    call('ZADD', registry, 'NX', math.floor(call('ZSCORE', B .. 'due', id) / 1000000), id)
  elseif truth ~= 'pending' and truth ~= 'processing' and tonumber(call('ZSCORE', registry, id) or 0) < now / 1000000 + KEEP_US / 2000000 then
    call('ZADD', registry, math.floor((now + KEEP_US) / 1000000), id)
  end
end

if in_place() then
  forget(task.queue, truth)
  restore()
  return ''
end

if indexed == 'completed' then uncount(task.tenant) end
forget(task.queue)
call('ZADD', index, score_of(truth, task.us), id)
kept.waiting[index] = nil
call('PERSIST', task.key)
if truth == 'pending' then
  call('HSET', task.key, 'status', 'queued', 'enqueued_at', at(), 'seq', next_seq(task.queue), 'crashes', 0)
  call('HDEL', task.key, 'ended_at')
  if task.unique then call('SET', unique_key(task), id, 'NX') end
  append(task)
  wake(type)
  announce(task, truth)
elseif truth == 'scheduled' then
  local due = microseconds(call('HGET', task.key, 'scheduled_at')) or now
  call('ZADD', B .. 'due', due, id)
  restore()
  announce(task, truth)
else
  call('HSET', task.key, 'ended_at', at())
  enter_end(task, truth)
end
if leased then wake_for_slot(type) end
return truth
