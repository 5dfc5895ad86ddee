-- change_webhook: changes an endpoint. Enabled anew or moved, it starts with a clean record, and what is owed goes at once.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] tenant
-- ARGV[3] actor  as audit.lua takes it
-- ARGV[4..] fields
-- Returns 1, or 0 when the tenant has no such endpoint
-- @include webhooks
if not WEBHOOK.owns(tenant, id) then return 0 end
local shown, raw = WEBHOOK.described(id)
local before = call('HMGET', KEY.webhook(id), 'enabled', 'url')
call('HSET', KEY.webhook(id), unpack(fields))
local after = call('HMGET', KEY.webhook(id), 'enabled', 'url')
if after[1] == '1' then call('HDEL', KEY.webhook(id), 'disabled_reason') end
if before[1] ~= after[1] or before[2] ~= after[2] then
  call('HDEL', KEY.webhook(id), 'failures', 'failing_since', 'hold_until')
end
WEBHOOK.refresh_listeners(tenant)
WEBHOOK.reschedule(id)
local now_shown, now_raw = WEBHOOK.described(id)
if now_raw ~= raw then note_audit(actor, 'webhook.changed', id, shown, now_shown) end
return 1
