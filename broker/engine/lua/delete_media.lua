-- delete_media: ends a media file. A repeat changes nothing, and is told the same for as long as the tombstone stands.
-- KEYS[1] prefix
-- ARGV[1] media_id
-- ARGV[2] tenant
-- ARGV[3] kind   that it must be of
-- ARGV[4] nonce  a number of at most 63 bits that no other change of vectors has
-- ARGV[5] actor  for the audit log, as `broker.actor` makes it
-- Returns 1, or 0 when the tenant has no such file
-- @include audit
-- @include bury_media
local f = call('HMGET', KEY.media(media_id), 'tenant', 'kind')
if f[1] == tenant and f[2] == kind then
  MEDIA.bury(media_id, tenant, kind, nonce)
  note_audit(actor, 'media.deleted', media_id, cjson.encode({ kind = kind }), '')
  return 1
end
f = call('HMGET', KEY.tombstone(media_id), 'tenant', 'kind')
return f[1] == tenant and f[2] == kind and 1 or 0
