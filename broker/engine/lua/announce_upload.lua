-- announce_upload: says how large an upload will be that began without a length, or as long as that is not known, how
-- large it is at least. A repeat changes nothing.
-- KEYS[1] prefix
-- ARGV[1] upload_id
-- ARGV[2] writer
-- ARGV[3] size  in bytes
-- ARGV[4] deferred  '1' while the length is not known
-- ARGV[5] bounds  as in quotas.lua
-- Returns {1}, {0} when it is not the writer's any more, or the reply of the quota of stored bytes, for which what is to come
-- of the others counts too
-- @include quotas
local key = KEY.upload(upload_id)
local f = call('HMGET', key, 'tenant', 'writer')
if f[2] ~= writer then return { 0 } end
local announced = tonumber(size)
local set = QUOTA.of(f[1], bounds)
if set and set.stored_bytes then
  for _, id in ipairs(call('ZRANGE', KEY.uploads(f[1]), 0, -1)) do
    if id ~= upload_id then announced = announced + tonumber(call('HGET', KEY.upload(id), 'size') or 0) end
  end
  local refused = QUOTA.refused_by_uploads(f[1], { stored_bytes = set.stored_bytes }, announced)
  if refused then return refused end
end
call('HSET', key, 'size', size, 'deferred', deferred)
return { 1 }
