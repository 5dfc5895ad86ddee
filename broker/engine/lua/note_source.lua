-- note_source: tells what a file is whose bytes were fetched. A repeat changes nothing.
-- KEYS[1] prefix
-- ARGV[1] media_id
-- ARGV[2] tenant
-- ARGV[3] size  in bytes
-- ARGV[4] content_type
-- ARGV[5] bounds  as in quotas.lua
-- Returns {1}, {0} when the file was deleted meanwhile, or the reply of a quota
-- @include quotas
local key = KEY.media(media_id)
local f = call('HMGET', key, 'tenant', 'fetch')
if f[1] ~= tenant then return { 0 } end
if not f[2] then return { 1 } end
local set = QUOTA.of(tenant, bounds)
local refused = set and set.stored_bytes and QUOTA.refused_by_uploads(tenant, { stored_bytes = set.stored_bytes }, tonumber(size))
if refused then return refused end
call('HSET', key, 'size', size, 'content_type', content_type)
call('HDEL', key, 'fetch')
USAGE.store(tenant, size)
call('HINCRBY', USAGE.today(tenant), '=uploaded', size)
return { 1 }
