-- revoke_key: ends an API key.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] actor  as audit.lua takes it
-- Returns 1, or 0 when there is no such key
-- @include api_keys
local f = call('HMGET', KEY.api_key(id), 'tenant', 'tenant_id')
if not f[1] then return 0 end
local before = described_key(id)
forget_key(id, f[1])
refresh_tenant(f[1], f[2])
note_audit(actor, 'key.revoked', id, before, '')
return 1
