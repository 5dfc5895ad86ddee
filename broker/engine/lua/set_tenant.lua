-- set_tenant: sets the weight of a tenant, and its caps of types where they differ from the types'.
-- KEYS[1] prefix
-- ARGV[1] tenant
-- ARGV[2] weight  '' for the usual one, or 'keep'
-- ARGV[3] quotas  as in quotas.lua, '' for none of its own, or 'keep'
-- ARGV[4..] caps  type and 'rate/burst/concurrency' ('' for what holds for all, 'none' for no cap) or '' for none of its own
-- Returns 1
-- @include wake
if weight == '' then
  call('HDEL', KEY.weights(), tenant)
elseif weight ~= 'keep' then
  call('HSET', KEY.weights(), tenant, weight)
end
if quotas == '' then
  call('HDEL', KEY.quotas(), tenant)
elseif quotas ~= 'keep' then
  call('HSET', KEY.quotas(), tenant, quotas)
end
for i = 1, #caps, 2 do
  local field = tenant .. ' ' .. caps[i]
  if caps[i + 1] == '' then call('HDEL', KEY.tenant_limits(), field) else call('HSET', KEY.tenant_limits(), field, caps[i + 1]) end
end
clear_cache()
for i = 1, #caps, 2 do
  if call('ZSCORE', KEY.capped(caps[i]), tenant) then CAP.let_go(caps[i], tenant) end
  wake_for_change(caps[i])
end
return 1
