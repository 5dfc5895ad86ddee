-- bury_orphan: sets a tombstone for files that belong to no record, so that none is made of them any more.
-- KEYS[1] prefix
-- ARGV[1] media_id
-- ARGV[2] tenant
-- Returns 1, or 0 when there is a record, or a tombstone already
-- @include base
if call('EXISTS', KEY.media(media_id), KEY.tombstone(media_id)) > 0 then return 0 end
call('HSET', KEY.tombstone(media_id), 'tenant', tenant, 'kind', '', 'at', now)
call('ZADD', KEY.tombstones(), now, media_id)
return 1
