-- fan_out: hands an event from the outbox to every endpoint that wants it, in the one form that it has from now on.
-- KEYS[1] prefix
-- ARGV[1] entry  its id in the outbox
-- ARGV[2] event
-- ARGV[3] tenant
-- ARGV[4] event_type
-- ARGV[5] task
-- ARGV[6] body
-- Returns the number of endpoints, or -1 when another daemon has done it
-- @include webhooks
if call('XDEL', KEY.outbox(), entry) == 0 then return -1 end
local count = 0
for _, id in ipairs(call('ZRANGE', KEY.webhooks(tenant), 0, -1)) do
  local f = call('HMGET', KEY.webhook(id), 'enabled', 'events', 'owed_bytes')
  if f[1] == '1' and string.find(',' .. f[2] .. ',', ',' .. event_type .. ',', 1, true) then
    if tonumber(f[3] or 0) >= WEBHOOK.MOST_OWED_BYTES then
      WEBHOOK.disable(id, 'More than ' .. WEBHOOK.MOST_OWED_BYTES / 1048576 .. ' MiB of events waited for it.')
    else
      call('HSET', KEY.delivery(id, event), 'type', event_type, 'task', task, 'body', body, 'state', 'pending')
      WEBHOOK.enqueue(id, event, task)
      count = count + 1
    end
  end
end
return count
