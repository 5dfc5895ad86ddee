-- @include media_record
-- @include generations

-- Forgets a media file in every model; returns how many had vectors of it.
function MEDIA.forget_vectors(tenant, media_id, nonce)
  local models = 0
  for _, model in ipairs(call('SMEMBERS', KEY.vector_models(tenant))) do
    call('HDEL', KEY.vector_parts(tenant, model), media_id)
    if call('HDEL', KEY.vectors(tenant, model), media_id) == 1 then
      note_change(tenant, model, media_id, nonce)
      models = models + 1
    end
  end
  GENERATION.settled(tenant, media_id)
  return models
end

-- The end of a media file in Redis: its record, its places and its vectors, at once. What it has elsewhere (files, tasks
-- that name it) is removed by whoever finds its tombstone, which stands until nothing can come any more.
function MEDIA.bury(id, tenant, kind, nonce)
  call('HSET', KEY.tombstone(id), 'tenant', tenant, 'kind', kind, 'at', now)
  call('ZADD', KEY.tombstones(), now, id)
  local stored = MEDIA.stored(id)
  if stored ~= 0 then USAGE.store(tenant, -stored) end
  call('DEL', KEY.media(id))
  call('ZREM', KEY.media_index(tenant, kind), id)
  call('ZREM', KEY.media_expiry(), id)
  call('ZREM', KEY.sources_due(), id)
  MEDIA.forget_vectors(tenant, id, nonce)
end
