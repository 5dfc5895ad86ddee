-- send_test_event: lets an event go to one endpoint, whatever that wants to be told.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] tenant
-- ARGV[3] event  a repeat with the same one changes nothing
-- ARGV[4] event_type
-- ARGV[5] body
-- Returns 'sent', 'missing' when the tenant has no such endpoint, or 'disabled'
-- @include webhooks
if not WEBHOOK.owns(tenant, id) then return 'missing' end
if call('HGET', KEY.webhook(id), 'enabled') ~= '1' then return 'disabled' end
if call('EXISTS', KEY.delivery(id, event)) == 0 then
  call('HSET', KEY.delivery(id, event), 'type', event_type, 'task', event, 'body', body, 'state', 'pending')
  WEBHOOK.enqueue(id, event, event)
end
return 'sent'
