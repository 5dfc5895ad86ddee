-- put_vectors: replaces all vectors of a media file by one model. A repeat changes nothing but the version.
-- KEYS[1] prefix
-- ARGV[1] tenant
-- ARGV[2] model
-- ARGV[3] media_id
-- ARGV[4] vectors  bytes, as broker/media/vectors.py packs them
-- ARGV[5] parts    what each stands for, as broker/media/parts.py packs it, or ''
-- ARGV[6] nonce    a number of at most 63 bits that no other change has
-- Returns 1, or 0 when the tenant has no such media file (any more)
-- @include generations
if call('HGET', KEY.media(media_id), 'tenant') ~= tenant then return 0 end
call('HSET', KEY.vectors(tenant, model), media_id, vectors)
if parts ~= '' then
  call('HSET', KEY.vector_parts(tenant, model), media_id, parts)
else
  call('HDEL', KEY.vector_parts(tenant, model), media_id)
end
call('SADD', KEY.vector_models(tenant), model)
note_change(tenant, model, media_id, nonce)
GENERATION.note_put(tenant, model, media_id, nonce)
return 1
