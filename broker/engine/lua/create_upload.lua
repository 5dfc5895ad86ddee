-- create_upload: begins an upload that comes in pieces. A repeat with the same id changes nothing.
-- KEYS[1] prefix
-- ARGV[1] upload_id
-- ARGV[2] tenant
-- ARGV[3] size  that it will have, in bytes
-- ARGV[4] kept_us  after which it is given up, unless something is added
-- ARGV[5] most  uploads that are not complete a tenant may have
-- ARGV[6] bounds  as in quotas.lua
-- ARGV[7..] fields
-- Returns {1}, {0} when the tenant has too many, or the reply of a quota, which what is to come of the others counts for too
-- @include quotas
local key = KEY.upload(upload_id)
if call('EXISTS', key) == 1 then return { 1 } end
local others = call('ZRANGE', KEY.uploads(tenant), 0, -1)
if #others >= tonumber(most) then return { 0 } end
local announced = tonumber(size)
for _, id in ipairs(others) do announced = announced + tonumber(call('HGET', KEY.upload(id), 'size') or 0) end
local refused = QUOTA.refusal(tenant, bounds, 1, announced)
if refused then return refused end
local ends = int(now + tonumber(kept_us))
call('HSET', key, 'id', upload_id, 'tenant', tenant, 'size', size, 'offset', 0, 'created_at', iso(now), 'ends_us', ends, unpack(fields))
call('ZADD', KEY.uploads(tenant), int(now), upload_id)
call('ZADD', KEY.upload_expiry(), ends, upload_id)
return { 1 }
