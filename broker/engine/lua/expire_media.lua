-- expire_media: ends media files whose time is over: what was asked for at their upload, or the operator's retention.
-- KEYS[1] prefix
-- ARGV[1] retention_us  '' for none
-- ARGV[2] limit
-- ARGV[3] nonce  a number of at most 63 bits that no other change of vectors has
-- ARGV[4..] kinds  of media
-- Returns {id, tenant, kind, ...} of those that it ended
-- @include bury_media
local ended, left = {}, tonumber(limit)

local function expire(id, tenant, kind)
  MEDIA.bury(id, tenant, kind, nonce)
  for _, value in ipairs({ id, tenant, kind }) do ended[#ended + 1] = value end
  left = left - 1
end

for _, id in ipairs(call('ZRANGEBYSCORE', KEY.media_expiry(), '-inf', now, 'LIMIT', 0, left)) do
  local f = call('HMGET', KEY.media(id), 'tenant', 'kind')
  if f[1] and f[2] then expire(id, f[1], f[2]) else call('ZREM', KEY.media_expiry(), id) end
end
if retention_us ~= '' then
  for _, tenant in ipairs(call('SMEMBERS', KEY.tenants())) do
    for _, kind in ipairs(kinds) do
      local index = KEY.media_index(tenant, kind)
      for _, id in ipairs(call('ZRANGEBYSCORE', index, '-inf', now - tonumber(retention_us), 'LIMIT', 0, left)) do
        expire(id, tenant, kind)
      end
    end
  end
end
return ended
