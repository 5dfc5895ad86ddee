-- change_webhook: changes an endpoint. Enabled anew, it starts with a clean record, and with what was still owed to it.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] tenant
-- ARGV[3..] fields
-- Returns 1, or 0 when the tenant has no such endpoint
-- @include webhooks
if not owns(tenant, id) then return 0 end
local before = call('HGET', webhook_key(id), 'enabled')
call('HSET', webhook_key(id), unpack(fields))
if before == '0' and call('HGET', webhook_key(id), 'enabled') == '1' then
  call('HDEL', webhook_key(id), 'disabled_reason', 'failures', 'failing_since', 'hold_until')
end
refresh_listeners(tenant)
rearm(id, false)
return 1
