-- resend_delivery: sends an event again, with its id and body. One that is owed anyhow goes as soon as its turn comes.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] tenant
-- ARGV[3] event
-- Returns 'sent', 'missing' when there is no such endpoint or event (any more), or 'disabled'
-- @include webhooks
local f = call('HMGET', KEY.delivery(id, event), 'state', 'task')
if not WEBHOOK.owns(tenant, id) or not f[1] then return 'missing' end
if call('HGET', KEY.webhook(id), 'enabled') ~= '1' then return 'disabled' end
call('HDEL', KEY.webhook(id), 'hold_until')
if f[1] == 'pending' then
  call('ZADD', KEY.webhook_waiting(id), 'XX', int(now), event)
  WEBHOOK.reschedule(id)
else
  call('LREM', KEY.webhook_ended(id), 0, event)
  call('HINCRBY', KEY.webhook(id), 'ended_bytes', -call('HSTRLEN', KEY.delivery(id, event), 'body'))
  call('HSET', KEY.delivery(id, event), 'state', 'pending', 'failed', 0)
  WEBHOOK.enqueue(id, event, f[2])
end
return 'sent'
