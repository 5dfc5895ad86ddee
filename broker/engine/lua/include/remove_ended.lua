-- @include tags
-- @include task

-- Removes a task that has ended: its hash, its places, and what it adds to sums.
local function remove_ended(task)
  if task.status == 'completed' then
    local started, ended = microseconds(task.started_at), microseconds(call('HGET', task.key, 'ended_at'))
    if started and ended then
      local took = math.floor(math.max(0, ended - started) / (SHARE.batch_of(task) or 1))
      call('HINCRBY', KEY.durations(task.tenant), task.type, -took)
    end
  end
  if task.status == 'cancelled' then call('SREM', KEY.spared(task.tenant, task.type), task.id) end
  call('ZREM', KEY.registry(REGISTRY[task.status], task.queue), task.id)
  call('ZREM', index_of(task.tenant, task.type), task.id)
  TAG.forget(task)
  call('DEL', task.key, KEY.results(task.id), KEY.task_log(task.id))
end
