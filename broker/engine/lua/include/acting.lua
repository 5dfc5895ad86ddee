-- @include remove_ended
-- @include ending
-- What a tenant may do to its tasks, one or many.
local ACT = {}

-- Ends a waiting task, with `force` a running one; nil when it is neither.
function ACT.cancel(task, force)
  local from = task.status
  if WAITING[from] then
    LINKS.cancel(task)
  elseif from == 'processing' and force then
    LINKS.stop(task)
  else
    return nil
  end
  return from
end

-- The unfinished task that has had this one's unique key since it ended; nil when there is none.
function ACT.holds_its_key(task)
  local holder = task.unique and holder_of(unique_key(task))
  return holder ~= task.id and holder or nil
end

-- Makes a failed task due at once, with a retry granted if it has none left.
function ACT.retry(task, request)
  if task.retry_count >= task.max_retries then
    task.max_retries = task.retry_count + 1
    call('HSET', task.key, 'max_retries', task.max_retries)
  end
  call('ZREM', KEY.registry('failed', task.queue), task.id)
  reindex(task, 'scheduled')
  call('HSET', task.key, 'status', 'scheduled', 'retry_count', task.retry_count + 1, 'crashes', 0, 'scheduled_at', at(),
    'retry_request', request)
  call('HDEL', task.key, 'ended_at')
  call('HSETNX', task.key, 'runs', 0) -- where a run is read, it is by this that it may have had any
  if task.unique then call('SET', unique_key(task), task.id) end
  schedule_at(task, now)
  announce(task, 'scheduled', { retry_count = task.retry_count + 1, scheduled_at = at() })
end

-- Removes a task that has ended, and what the record of a media file (its id, the field) notes of it.
function ACT.delete(task, media_id, note)
  remove_ended(task)
  if media_id ~= '' and call('HGET', KEY.media(media_id), 'tenant') == task.tenant then
    local read, noted = pcall(cjson.decode, call('HGET', KEY.media(media_id), note) or '')
    if read and type(noted) == 'table' and noted.task_id == task.id then call('HDEL', KEY.media(media_id), note) end
  end
  tell(task.tenant, 'gone', { task = task.id, type = task.type })
end
