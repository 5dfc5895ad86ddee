-- delete_webhook: forgets an endpoint. What is owed to it is removed little by little, by sweep_webhook.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] tenant
-- ARGV[3] actor  as audit.lua takes it
-- Returns 1, or 0 when the tenant has no such endpoint
-- @include webhooks
if not WEBHOOK.owns(tenant, id) then return 0 end
local before = WEBHOOK.described(id)
call('DEL', KEY.webhook(id))
call('ZREM', KEY.webhooks(tenant), id)
call('ZREM', KEY.webhook_due(), id)
call('SADD', KEY.webhooks_gone(), id)
WEBHOOK.refresh_listeners(tenant)
note_audit(actor, 'webhook.deleted', id, before, '')
return 1
