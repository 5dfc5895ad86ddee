-- change_task: changes the level, the time or the tags of a task that waits.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] tenant
-- ARGV[3] level  '' leaves it, 'foreground' makes it 0 in the background and leaves it elsewhere
-- ARGV[4] due      microseconds, in the past for at once; '' leaves it
-- ARGV[5] delay    microseconds from now, instead of `due`; '' for none
-- ARGV[6] tags     a JSON list; '' leaves them
-- ARGV[7] request  names the caller's request; a repeat of it is answered as the first was
-- Returns the status it found ('missing' when there is none, 'late' when it would be due after its deadline); changed if
-- that is pending or scheduled
-- Moves pending -> scheduled
-- Moves scheduled -> pending
-- @include pending
-- @include tags
-- @include deadlines
local task = read_task(id)
if not task or task.tenant ~= tenant then return 'missing' end
if call('HGET', task.key, 'change_request') == request then return 'pending' end
if not WAITING[task.status] then return task.status end
local found, wanted_due = task.status, tonumber(delay) and now + tonumber(delay) or tonumber(due)
if wanted_due then
  task.runs = tonumber(call('HGET', task.key, 'runs') or nil) or 0
  if DEADLINE.has_passed(task, wanted_due) then return 'late' end
end
call('HSET', task.key, 'change_request', request)
if level == 'foreground' then level = facts(task.queue).level == LEVEL.background and 0 or '' end
local queue = level ~= '' and LEVEL.queue(task.type, tonumber(level)) or task.queue

if tags ~= '' then
  TAG.forget(task)
  call('HDEL', task.key, 'tags')
  if tags ~= '[]' then TAG.set(task, tags) end
end

-- Gives a task that stands nowhere another queue.
local function requeue()
  if queue == task.queue then return end
  task.queue = queue
  call('HSET', task.key, 'origin', queue)
  call('SADD', KEY.rq_queues(), facts(queue).list)
end

if found == 'pending' then
  local later = wanted_due and wanted_due > now
  -- Another tag may put it aside, or let it go.
  local moved = tags ~= '' and HOLD.of(task) ~= (task.held or nil)
  if queue ~= task.queue or later or moved then
    local order = tonumber(call('ZSCORE', LINE.place_of(task), id) or nil) or now
    withdraw(task)
    if task.held then HOLD.unpark(task) end
    if task.lifted and queue ~= task.queue then
      call('HDEL', task.key, 'lifted')
      task.lifted = nil
    end
    requeue()
    if later then
      reindex(task, 'scheduled')
      call('HSET', task.key, 'status', 'scheduled', 'scheduled_at', iso(wanted_due))
      schedule_at(task, wanted_due)
    else
      -- Where its time of coming puts it among those of its new line.
      call('HSET', task.key, 'seq', next_seq(queue))
      LIST.add_last(queue, id)
      LINE.enter(task, order)
      wake(task.type, queue)
    end
  end
  announce(task, later and 'scheduled' or 'pending', later and { scheduled_at = iso(wanted_due) } or nil)
else
  local waits = task.flow and call('HEXISTS', task.key, 'waiting_for') == 1
  local until_us = tonumber(call('ZSCORE', KEY.due(), id) or nil) or now
  unschedule(task)
  requeue()
  if wanted_due then
    call('HSET', task.key, 'scheduled_at', iso(wanted_due))
    call('ZREM', KEY.newer(task.type), id)
    if not waits then until_us = wanted_due end
  end
  if until_us > now then
    schedule_at(task, until_us)
    announce(task, 'scheduled', wanted_due and { scheduled_at = iso(wanted_due) } or nil)
  else
    make_pending(task)
  end
end
return found
