-- keep_media: accepts the record of an uploaded file that no task comes with. A repeat changes nothing.
-- KEYS[1] prefix
-- ARGV[1] tenant
-- ARGV[2] bounds  as in submit
-- ARGV[3..] media  as in submit
-- Returns {1, when it was created}, {-2} when the file was deleted meanwhile, or the reply of a quota
-- @include media_record
-- @include quotas
if MEDIA.is_buried(media) then return { -2 } end
local before = call('HMGET', KEY.media(media[1]), 'tenant', 'created_at')
if before[1] == tenant then return { 1, before[2] } end
local refused = QUOTA.refusal(tenant, bounds, 0, MEDIA.size_of(media, #media))
if refused then return refused end
MEDIA.write(tenant, media, #media, now)
call('SADD', KEY.tenants(), tenant)
return { 1, iso(now) }
