-- @include base
-- Tasks by their tags: an index for each tag of a tenant, by creation. Only tasks that have tags pay for it, and no change
-- of status does.
local TAG = {}

-- The tags in a field of a hash.
function TAG.list(text)
  local read, found = pcall(cjson.decode, text or '[]')
  return read and type(found) == 'table' and found or {}
end

-- Gives a task that has none these tags, a JSON list.
function TAG.set(task, text)
  call('HSET', task.key, 'tags', text)
  for _, tag in ipairs(TAG.list(text)) do
    call('ZADD', KEY.tagged(task.tenant, tag), task.us, task.id)
    call('SADD', KEY.tags(task.tenant), tag)
  end
end

-- Takes tasks out of the index of a tag.
function TAG.drop(tenant, tag, ...)
  call('ZREM', KEY.tagged(tenant, tag), ...)
  if call('EXISTS', KEY.tagged(tenant, tag)) == 0 then call('SREM', KEY.tags(tenant), tag) end
end

-- Takes a task out of the indexes of all its tags; they stay in its hash.
function TAG.forget(task)
  local text = call('HGET', task.key, 'tags')
  for _, tag in ipairs(text and TAG.list(text) or {}) do TAG.drop(task.tenant, tag, task.id) end
end
