-- remove_source: notes in the record that its source is kept no more; the bytes go next. A repeat changes nothing.
-- KEYS[1] prefix
-- ARGV[1] media_id
-- Returns 1, or 0 when there is no such record (any more)
-- @include media_record
if call('EXISTS', KEY.media(media_id)) == 0 then return 0 end
local stored, tenant = MEDIA.stored(media_id), call('HGET', KEY.media(media_id), 'tenant')
if call('HSETNX', KEY.media(media_id), 'source_removed_at', at()) == 1 and stored ~= 0 and tenant then
  USAGE.store(tenant, -stored)
end
return 1
