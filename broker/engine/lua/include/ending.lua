-- @include pending
-- @include counts
-- The end of a task and what follows from it. A task that depends on others is scheduled, due never, and `waiting_for`
-- lists those that have not ended; each of them has it in its `links`. The end of a task takes its links apart: so
-- whatever is interrupted between two scripts, the rest is there and is done once.

local LINKS = { because = 'Cancelled because a task that it depends on did not complete: ' }

-- Among the links of a task that has a deadline; it sorts behind a flow.
LINKS.deadline = '>'

-- Among the links of a task whose work is shared, behind all others that sort by no time: that there are parts of it, and,
-- followed by its id, each task that helps with them.
LINKS.parts, LINKS.assistant = '*', '+'
LINKS.withdrawn = 'Not needed any more: the task that it was part of has ended.'
LINKS.left = 'Given up; the task that it helped makes what is missing: '

-- A comma-separated list without one of its members; nil when it had no such member.
function LINKS.without(list, member)
  local first, last = string.find(',' .. list .. ',', ',' .. member .. ',', 1, true)
  if not first then return nil end
  local rest = string.sub(list, 1, math.max(0, first - 2)) .. string.sub(list, last - 1)
  return (string.gsub(rest, '^,', ''))
end

-- Enters the task into RQ's registry of an end state, gives up its unique key and announces the end. By the microsecond,
-- so that it comes last: among thousands of one second it would come somewhere, and to find out where reads old memory.
function LINKS.enter(task, status, message)
  local registry = status == 'completed' and facts(task.queue).finished or KEY.registry(REGISTRY[status], task.queue)
  call('ZADD', registry, (now + KEEP_US) / 1000000, task.id)
  if task.unique then
    if call('GET', unique_key(task)) == task.id then call('DEL', unique_key(task)) end
  end
  if task.flow then call('HDEL', task.key, 'waiting_for') end
  announce(task, status, message and { error = message })
  COUNT.add(task.type, status)
end

-- Why those that depend on a task that has not completed are cancelled: the root of it, if it was cancelled likewise.
function LINKS.cause(id, status, message)
  if not message then message = '' end
  if string.sub(message, 1, #LINKS.because) == LINKS.because then return string.sub(message, #LINKS.because + 1) end
  if status == 'failed' then return 'task ' .. id .. ' failed: ' .. message end
  return 'task ' .. id .. (status == 'gone' and ' was deleted' or message ~= '' and ' was cancelled: ' .. message or ' was cancelled')
end

-- A task that waited waits no more: it is put into its queue, or goes on to wait until it is due.
function LINKS.release(task, due)
  call('HDEL', task.key, 'waiting_for')
  unschedule(task)
  if due and due > now then
    call('HSET', task.key, 'released_at', at())
    schedule_at(task, due)
  else
    make_pending(task)
  end
end

-- One of those that `ended.id` has left waiting. A task that is cancelled by that is added to `ends`.
function LINKS.follow(id, ended, ends)
  local task = read_task(id)
  if not task or task.status ~= 'scheduled' then return end
  local f = call('HMGET', task.key, 'waiting_for', 'on_failure', 'scheduled_at')
  local left = LINKS.without(f[1] or '', ended.id)
  if not left then return end
  if ended.status ~= 'completed' and f[2] ~= 'run' then
    local message = LINKS.because .. ended.why
    unschedule(task)
    reindex(task, 'cancelled')
    call('HSET', task.key, 'status', 'canceled', 'ended_at', at(), 'error', message)
    LINKS.enter(task, 'cancelled', message)
    ends[#ends + 1] = { name = id, id = id, status = 'cancelled', why = ended.why }
  elseif left == '' then
    LINKS.release(task, microseconds(f[3]))
  else
    call('HSET', task.key, 'waiting_for', left)
  end
end

-- A name for the links of a task that has ended: under its id it may get new ones, should it be retried.
function LINKS.name_for(id)
  local number = now
  while call('EXISTS', KEY.links(id .. '@' .. int(number))) == 1 do number = number + 1 end
  return id .. '@' .. int(number)
end

-- Leaves what follows from an end to the daemon.
function LINKS.defer(ended)
  local key = KEY.links(ended.name)
  if call('EXISTS', key) == 0 then return end
  if ended.name == ended.id then
    ended.name = LINKS.name_for(ended.id)
    call('RENAME', key, KEY.links(ended.name))
  end
  call('RPUSH', KEY.settling(), ended.name .. ' ' .. ended.status .. ' ' .. ended.why)
end

-- Does what follows from ends, and from those that follow from them, as far as one script may.
function LINKS.settle(ends)
  local index = 1
  while ends[index] do
    local ended, left = ends[index], MOST_FOLLOWED - followed
    local key = KEY.links(ended.name)
    -- Its flow comes first and is looked at in any case.
    if left <= 0 and string.sub(call('ZRANGE', key, 0, 0)[1] or '', 1, 1) == '=' then left = 1 end
    local members = left > 0 and call('ZPOPMIN', key, left) or {}
    for i = 1, #members, 2 do
      local tenant, flow = string.match(members[i], '^=([^:]+):(.+)$')
      if tenant then
        if ended.status == 'gone' then FLOW.lose(tenant, flow, ended.id) end
        FLOW.look(tenant, flow)
      elseif members[i] == LINKS.deadline then
        call('ZREM', KEY.deadlines(), ended.id)
      elseif members[i] == LINKS.parts then
        call('DEL', KEY.parts(ended.id))
      elseif string.sub(members[i], 1, 1) == LINKS.assistant then
        LINKS.dismiss(string.sub(members[i], 2), ended)
        followed = followed + 1
      else
        LINKS.follow(members[i], ended, ends)
        followed = followed + 1
      end
    end
    if #members >= 2 * left and not ended.noted then LINKS.defer(ended) end
    index = index + 1
  end
end

-- A task is gone that may not have ended.
function LINKS.lose(id)
  if call('EXISTS', KEY.links(id)) == 1 then
    LINKS.settle({ { name = id, id = id, status = 'gone', why = LINKS.cause(id, 'gone') } })
  end
end

local function enter_end(task, status, message)
  LINKS.enter(task, status, message)
  if task.flow then
    LINKS.settle({ { name = task.id, id = task.id, status = status, why = LINKS.cause(task.id, status, message) } })
  end
end

-- Ends a task that waits.
function LINKS.cancel(task, message)
  if task.status == 'pending' then
    withdraw(task)
  else
    unschedule(task)
    call('ZREM', KEY.newer(task.type), task.id)
  end
  reindex(task, 'cancelled')
  call('HSET', task.key, 'status', 'canceled', 'ended_at', at(), unpack(message and { 'error', message } or {}))
  enter_end(task, 'cancelled', message)
end

-- Stops a task that is being run.
function LINKS.stop(task, message)
  call('HSET', task.key, 'lease', task.lease .. ' cancelled', 'attempts', with_attempt(task, 'cancelled', message))
  end_run(task)
  reindex(task, 'cancelled')
  call('HSET', task.key, 'status', 'canceled', 'ended_at', at_least_begun(task), unpack(message and { 'error', message } or {}))
  enter_end(task, 'cancelled', message)
  wake_for_slot(task.type)
end

-- As what a task ends that is not tried again, and why. Of one that helped with another nothing is missing: what it has not
-- made the other makes, so it is no failure of its tenant's.
function LINKS.bad_end(task, message)
  if call('HEXISTS', task.key, 'part_of') == 1 then return 'cancelled', LINKS.left .. message end
  return 'failed', message
end

-- Ends a task that helps with one that has ended. Where that has completed, one that runs has nothing more to do, and ends
-- by itself.
function LINKS.dismiss(id, ended)
  local task = read_task(id)
  if not task then return end
  if WAITING[task.status] then
    LINKS.cancel(task, LINKS.withdrawn)
  elseif task.status == 'processing' and ended.status ~= 'completed' then
    LINKS.stop(task, LINKS.withdrawn)
  end
end
