-- record_delivery: notes how an attempt ended, and when the next one is due if there is one.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] event
-- ARGV[3] attempt
-- ARGV[4] outcome  'delivered', 'failed', or 'gone' when the receiver wants nothing more
-- ARGV[5] retry_us  until the next attempt, or -1 for none
-- ARGV[6] cooldown_us  for so long nothing else is sent to the endpoint either
-- ARGV[7] patience_us  an endpoint that has only failed for so long is disabled
-- ARGV[8] status_code
-- ARGV[9] reason
-- ARGV[10] duration_ms
-- Returns 'recorded', or 'stale' when the attempt was given up or the endpoint is gone
-- @include webhooks
-- @include counts
local key = KEY.delivery(id, event)
local f = call('HMGET', key, 'claim', 'task', 'recorded')
if call('EXISTS', KEY.webhook(id)) == 0 or not f[2] then return 'stale' end
if f[3] == attempt then return 'recorded' end
if f[1] ~= attempt or not call('ZSCORE', KEY.webhook_running(id), event) then return 'stale' end

local retry_at = outcome == 'failed' and tonumber(retry_us) >= 0 and now + tonumber(retry_us) or nil
WEBHOOK.log_attempt(id, event, status_code, reason, duration_ms, retry_at)
call('HSET', key, 'recorded', attempt)
COUNT.add('', 'delivery ' .. outcome)
call('ZREM', KEY.webhook_running(id), event)
if outcome == 'delivered' then
  call('HDEL', KEY.webhook(id), 'failures', 'failing_since', 'hold_until')
else
  call('HINCRBY', key, 'failed', 1)
  call('HINCRBY', KEY.webhook(id), 'failures', 1)
  call('HSETNX', KEY.webhook(id), 'failing_since', int(now))
  if tonumber(cooldown_us) > 0 then call('HSET', KEY.webhook(id), 'hold_until', int(now + tonumber(cooldown_us))) end
  local since = tonumber(call('HGET', KEY.webhook(id), 'failing_since'))
  if outcome == 'gone' then
    WEBHOOK.disable(id, 'It answered 410 Gone.')
  elseif now - since >= tonumber(patience_us) then
    WEBHOOK.disable(id, 'Every attempt has failed since ' .. iso(since) .. '; the last one: ' .. reason)
  end
end
if retry_at then
  call('ZADD', KEY.webhook_waiting(id), int(retry_at), event)
else
  WEBHOOK.end_delivery(id, event, f[2], outcome == 'delivered' and 'delivered' or 'failed')
end
WEBHOOK.reschedule(id)
return 'recorded'
