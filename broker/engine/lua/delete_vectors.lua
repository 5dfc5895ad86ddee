-- delete_vectors: forgets a media file in every model. A repeat changes nothing.
-- KEYS[1] prefix
-- ARGV[1] tenant
-- ARGV[2] media_id
-- ARGV[3] nonce  a number of at most 63 bits that no other change has
-- Returns the number of models that had vectors of it
-- @include vectors
local models = 0
for _, model in ipairs(call('SMEMBERS', KEY.vector_models(tenant))) do
  if call('HDEL', KEY.vectors(tenant, model), media_id) == 1 then
    note_change(tenant, model, media_id, nonce)
    models = models + 1
  end
end
return models
