-- delete_vectors: forgets a media file in every model. A repeat changes nothing.
-- KEYS[1] prefix
-- ARGV[1] tenant
-- ARGV[2] media_id
-- ARGV[3] nonce  a number of at most 63 bits that no other change has
-- Returns the number of models that had vectors of it
-- @include bury_media
return MEDIA.forget_vectors(tenant, media_id, nonce)
