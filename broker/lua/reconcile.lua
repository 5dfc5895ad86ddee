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
local type = split(queue)

local function forget(q)
  call('LREM', P .. 'queue:' .. q, 0, id)
  for _, word in ipairs({ 'finished', 'failed', 'scheduled', 'canceled' }) do call('ZREM', P .. word .. ':' .. q, id) end
  call('ZREM', B .. 'due', id)
end

local function drop_runs(q)
  for _, run in ipairs(call('ZRANGE', P .. 'wip:' .. q, 0, -1)) do
    if string.sub(run, 1, #id + 1) == id .. ':' then call('ZREM', P .. 'wip:' .. q, run) end
  end
  call('ZREM', B .. 'leases:' .. type, id)
end

if not task then
  forget(queue)
  drop_runs(queue)
  if tenant ~= '' then
    for status in pairs(RQ_STATUS) do call('ZREM', B .. 'tasks:' .. tenant .. ':' .. type .. ':' .. status, id) end
    call('ZREM', B .. 'tasks:' .. tenant, id)
  end
  wake_for_slot(type)
  return 'gone'
end

local indexed
for status in pairs(RQ_STATUS) do
  if call('ZSCORE', status_index(task, status), id) then indexed = status end
end
local leased = call('ZSCORE', B .. 'leases:' .. task.type, id)
local listed = call('LPOS', P .. 'queue:' .. task.queue, id)

local function enqueue()
  forget(task.queue)
  drop_runs(task.queue)
  reindex(task, indexed or 'pending', 'pending')
  call('HSET', task.key, 'status', 'queued', 'enqueued_at', iso(now), 'seq', next_seq(task.queue))
  call('HDEL', task.key, 'ended_at')
  call('PERSIST', task.key)
  append(task)
  wake(task.type)
  return 'pending'
end

if task.status == 'pending' then
  if indexed == 'pending' and listed and not leased then return '' end
  return enqueue()
elseif task.status == 'processing' then
  if leased and indexed == 'processing' then return '' end
  -- A stock worker that is at it fails within moments; give it that long.
  if now - (microseconds(task.started_at) or 0) < 2000000 then return '' end
  return enqueue()
elseif task.status == 'scheduled' then
  if indexed == 'scheduled' and call('ZSCORE', B .. 'due', id) then return '' end
  reindex(task, indexed or 'scheduled', 'scheduled')
  call('ZADD', B .. 'due', int(microseconds(call('HGET', task.key, 'scheduled_at')) or now), id)
  call('ZADD', P .. 'scheduled:' .. task.queue, int(now / 1000000), id)
  return 'scheduled'
elseif task.status == 'cancelled' then
  if indexed == 'cancelled' then return '' end
  forget(task.queue)
  drop_runs(task.queue)
  reindex(task, indexed or 'cancelled', 'cancelled')
  call('HSET', task.key, 'ended_at', iso(now), 'lease', task.lease .. ' cancelled')
  call('PERSIST', task.key)
  enter_end(task, 'cancelled')
  wake_for_slot(task.type)
  return 'cancelled'
elseif task.status == indexed then -- completed or failed by us: only RQ's registry may have lost it
  local score = call('ZSCORE', P .. RQ_STATUS[indexed] .. ':' .. task.queue, id)
  if score and tonumber(score) > now / 1000000 + KEEP_US / 2000000 then return '' end
  call('ZADD', P .. RQ_STATUS[indexed] .. ':' .. task.queue, int((now + KEEP_US) / 1000000), id)
  return ''
end
return enqueue()
