-- create_webhook: makes an endpoint known.
-- KEYS[1] prefix
-- ARGV[1] id  a repeat with the same id changes nothing
-- ARGV[2] tenant
-- ARGV[3] most  endpoints that a tenant may have
-- ARGV[4] actor  as audit.lua takes it
-- ARGV[5..] fields
-- Returns 1, or 0 when the tenant has too many
-- @include webhooks
if call('EXISTS', KEY.webhook(id)) == 1 then return 1 end
if call('ZCARD', KEY.webhooks(tenant)) >= tonumber(most) then return 0 end
call('HSET', KEY.webhook(id), 'id', id, 'tenant', tenant, 'created_at', iso(now), unpack(fields))
call('ZADD', KEY.webhooks(tenant), int(now), id)
WEBHOOK.refresh_listeners(tenant)
note_audit(actor, 'webhook.created', id, '', (WEBHOOK.described(id)))
return 1
