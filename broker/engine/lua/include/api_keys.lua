-- @include audit
-- API keys: a hash for each, and who has any. Whether one is valid, `broker.access.records` says.

-- So long an expired key can still be looked at, in microseconds.
local KEPT_EXPIRED_US = 30 * 86400 * 1000000

-- What the audit log is told of a key.
local function described_key(id)
  local f = call('HMGET', KEY.api_key(id), 'tenant', 'name', 'scopes', 'expires_us')
  if not f[1] then return '' end
  local scopes = {}
  for each in string.gmatch(f[3], '[^,]+') do scopes[#scopes + 1] = each end
  local expires_at = f[4] ~= '' and iso(tonumber(f[4])) or cjson.null
  return cjson.encode({ tenant = f[1], name = f[2], scopes = scopes, expires_at = expires_at })
end

local function forget_key(id, tenant)
  call('DEL', KEY.api_key(id))
  call('ZREM', KEY.api_keys(), id)
  call('ZREM', KEY.api_keys_of(tenant), id)
end

-- Notes until when the tenant has a valid key, and forgets those that have expired long ago.
local function refresh_tenant(tenant, tenant_id)
  local last = 0
  for _, id in ipairs(call('ZRANGE', KEY.api_keys_of(tenant), 0, -1)) do
    local expires_us = call('HGET', KEY.api_key(id), 'expires_us')
    if not expires_us or expires_us == '' then
      last = math.huge
    elseif tonumber(expires_us) + KEPT_EXPIRED_US < now then
      forget_key(id, tenant)
    else
      last = math.max(last, tonumber(expires_us))
    end
  end
  if last == 0 then
    call('HDEL', KEY.api_key_tenants(), tenant_id)
  else
    call('HSET', KEY.api_key_tenants(), tenant_id, (last == math.huge and '' or int(last)) .. ' ' .. tenant)
  end
end
