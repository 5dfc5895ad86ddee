-- create_key: makes an API key known.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] tenant
-- ARGV[3] tenant_id  the tenant's UUID
-- ARGV[4] digest  of the key; a repeat with the same one changes nothing
-- ARGV[5] label  its name
-- ARGV[6] scopes  with commas between them
-- ARGV[7] expires_us  '' for never
-- ARGV[8] most  keys that a tenant may have
-- ARGV[9] creator  the name of who makes it
-- ARGV[10] anew  '1': a key of the tenant with this id is made anew, '0': there must be none
-- ARGV[11] actor  as audit.lua takes it
-- Returns 1; 0 when the tenant has too many; -1 when another key has this id
-- @include api_keys
local key = KEY.api_key(id)
local f = call('HMGET', key, 'digest', 'tenant')
local present = f[1]
if present == digest then return 1 end
if present and (anew == '0' or f[2] ~= tenant) then return -1 end
refresh_tenant(tenant, tenant_id)
if not present and call('ZCARD', KEY.api_keys_of(tenant)) >= tonumber(most) then return 0 end
call('HSET', key, 'id', id, 'tenant', tenant, 'tenant_id', tenant_id, 'digest', digest, 'name', label, 'scopes', scopes,
  'expires_us', expires_us, 'created_us', int(now), 'created_by', creator)
call('ZADD', KEY.api_keys(), int(now), id)
call('ZADD', KEY.api_keys_of(tenant), int(now), id)
refresh_tenant(tenant, tenant_id)
note_audit(actor, 'key.created', id, '', described_key(id))
return 1
