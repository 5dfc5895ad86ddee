-- hold_upload: makes a writer the only one of an upload for a while, or for a while more.
-- KEYS[1] prefix
-- ARGV[1] upload_id
-- ARGV[2] tenant
-- ARGV[3] writer
-- ARGV[4] hold_us
-- Returns {1, field, value, ...}, {-1, microseconds for which another one has it}, or {0} when the tenant has no such upload
-- @include base
local key = KEY.upload(upload_id)
local f = call('HMGET', key, 'tenant', 'writer', 'held_until_us')
if f[1] ~= tenant then return { 0 } end
local left = tonumber(f[3] or '0') - now
if f[2] and f[2] ~= writer and left > 0 then return { -1, int(left) } end
call('HSET', key, 'writer', writer, 'held_until_us', int(now + tonumber(hold_us)))
return { 1, unpack(call('HGETALL', key)) }
