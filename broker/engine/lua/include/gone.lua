-- @include ending

-- How long a completed task that a foreign hand took ran is not known any more: the mean stays what it was.
local function uncount_duration(tenant, type_name, id)
  local index = index_of(tenant, type_name)
  if indexed_as(index, id) ~= 'completed' then return end
  local key = KEY.durations(tenant)
  local sum = tonumber(call('HGET', key, type_name) or 0)
  call('HINCRBY', key, type_name, -math.floor(sum / count_in(index, 'completed')))
end

-- Removes a task that is gone from its tenant's index, and tells so.
local function remove_from_index(tenant, type_name, id)
  uncount_duration(tenant, type_name, id)
  local index = index_of(tenant, type_name)
  cache.waiting[index] = nil
  call('ZREM', index, id)
  call('SREM', KEY.spared(tenant, type_name), id)
  call('DEL', KEY.task_log(id))
  SHARE.forget(tenant, type_name, id)
  HOLD.forget(id)
  tell(tenant, 'gone', { task = id, type = type_name })
  LINKS.lose(id)
end
