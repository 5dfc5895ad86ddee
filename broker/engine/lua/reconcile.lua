-- reconcile: makes one task's place agree with the truth after a foreign hand changed something behind our back.
-- The truth is RQ's hash: gone is gone, queued is pending, canceled is cancelled. What only we can do (run, finish,
-- fail) and did not do never happened: such a task goes back into its queue.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] tenant  of the index that named it, '' when none did
-- ARGV[3] queue  that named it
-- ARGV[4] copies  how often it was seen in the queue's list, '' when nobody has looked
-- Returns what was done: 'gone', 'pending', 'scheduled', 'cancelled', 'set_aside' (it is no task of ours), or '' when all
-- was well
-- Moves any -> pending
-- Moves any -> scheduled
-- Moves any -> cancelled
-- Moves any -> none
-- @include gone
-- @include strangers
local task = read_task(id)
local type_name = type_of(queue)

-- Removes the runs of the task that the registry of a queue holds, but for `own`.
local function remove_runs(of_queue, own)
  local registry = KEY.registry(REGISTRY.processing, of_queue)
  for _, run in ipairs(call('ZRANGE', registry, 0, -1)) do
    if string.sub(run, 1, #id + 1) == id .. ':' and run ~= own then
      call('ZREM', registry, run)
      local execution = string.sub(run, #id + 2)
      call('ZREM', KEY.executions(id), execution)
      call('DEL', KEY.execution(id, execution))
    end
  end
end

-- Removes the task from every place of a queue but that of `status`, and sees that workers know of the queue's others.
local function remove_from(of_queue, status)
  local list = KEY.rq_queue(of_queue)
  if status ~= 'pending' and copies ~= '0' then
    -- From the end, where a foreign hand has put it: the rest of a long list need not be read for a single copy.
    call('LREM', list, copies == '1' and -1 or 0, id)
  end
  if task and status ~= 'pending' then
    call('ZREM', SHARE.line_of(of_queue, task.tenant, task.group), id)
    LINE.leave(task)
  end
  for other, registry in pairs(REGISTRY) do
    if other ~= status and other ~= 'processing' then call('ZREM', KEY.registry(registry, of_queue), id) end
  end
  if call('EXISTS', list) == 1 then SHARE.mark_ready(of_queue) end
  if status ~= 'scheduled' then call('ZREM', KEY.due(), id) end
  remove_runs(of_queue, status == 'processing' and id .. ':' .. task.lease)
end

if not task and is_stranger(id) then
  for _, registry in pairs(REGISTRY) do
    local score = call('ZSCORE', KEY.registry(registry, queue), id)
    if score then call('ZADD', KEY.registry(registry, STRANGERS), score, id) end
  end
  local listed = call('LPOS', KEY.rq_queue(queue), id)
  remove_from(queue)
  if listed then set_aside(id) else call('HSET', KEY.job(id), 'origin', STRANGERS) end
  return 'set_aside'
end

if not task then
  remove_from(queue)
  if tenant ~= '' then
    remove_from_index(tenant, type_name, id)
  else
    LINKS.lose(id)
  end
  wake_for_slot(type_name)
  return 'gone'
end

if queue ~= task.queue then remove_from(queue) end
local index = index_of(task.tenant, type_name)
local indexed = indexed_as(index, id)
local leased = call('ZSCORE', KEY.registry(REGISTRY.processing, task.queue), id .. ':' .. task.lease)

local truth = task.status
if truth == 'processing' and not leased and task.lease ~= '' and not string.find(task.lease, ' ', 1, true) then
  set_lease(task, task.lease, 5000000) -- a foreign hand took our run out of RQ's registry: its worker's next beat decides
  leased = true
end
if truth == 'processing' and not (leased and indexed == truth) then
  -- A stock worker that is at it fails within moments; give it that long.
  if now - (microseconds(task.started_at) or 0) < 2000000 then return '' end
  truth = 'pending'
elseif not RQ_STATUS[truth] or (TERMINAL[truth] and truth ~= 'cancelled' and indexed ~= truth) then
  truth = 'pending'
end

local function in_place()
  if indexed ~= truth then return false end
  if truth == 'pending' then
    return #call('LPOS', KEY.rq_queue(task.queue), id, 'COUNT', 0) == 1
      and call('ZSCORE', LINE.place_of(task), id)
  end
  return truth ~= 'scheduled' or call('ZSCORE', KEY.due(), id)
end

-- RQ's entry for a task that is where it belongs.
local function restore_entry()
  local registry = REGISTRY[truth] and KEY.registry(REGISTRY[truth], task.queue)
  if truth == 'scheduled' then
    call('ZADD', registry, 'NX', math.floor(call('ZSCORE', KEY.due(), id) / 1000000), id)
  elseif TERMINAL[truth] and tonumber(call('ZSCORE', registry, id) or 0) < now / 1000000 + KEEP_US / 2000000 then
    call('ZADD', registry, math.floor((now + KEEP_US) / 1000000), id)
  end
end

if in_place() then
  remove_from(task.queue, truth)
  restore_entry()
  return ''
end

if indexed == 'completed' then uncount_duration(task.tenant, type_name, id) end
if indexed == 'cancelled' then call('SREM', KEY.spared(task.tenant, type_name), id) end
remove_from(task.queue)
if truth == 'pending' then
  call('HSET', task.key, 'crashes', 0)
  call('HDEL', task.key, 'ended_at')
  if task.flow and TERMINAL[indexed] then call('HDEL', task.key, 'deadline') end -- its end has taken it out of those
  if task.unique then call('SET', unique_key(task), id, 'NX') end
  make_pending(task)
elseif truth == 'scheduled' then
  reindex(task, truth)
  schedule_at(task, due_of(task))
  announce(task, truth)
elseif TERMINAL[truth] then
  reindex(task, truth)
  call('HSET', task.key, 'ended_at', at())
  enter_end(task, truth)
else
  error('no place is known for the status ' .. truth)
end
if leased then wake_for_slot(type_name) end
return truth
