-- claim_deliveries: leases events that are due to whoever sends them. Endpoints that have waited longest come first.
-- KEYS[1] prefix
-- ARGV[1] claim  names the attempts; one whose reply was lost is made by somebody else when its lease is over
-- ARGV[2] limit
-- ARGV[3] each  attempts at the same time to one endpoint; one that fails gets one
-- ARGV[4] lease_us
-- Returns a list of {endpoint, event, attempt, us, url, type, body, failures of the event, of the endpoint, secret, former one or ''}
-- @include webhooks
-- What nobody has told the end of is due again; a failure it is not.
local function take_back(id)
  for _, event in ipairs(call('ZRANGEBYSCORE', KEY.webhook_running(id), '-inf', now)) do
    WEBHOOK.log_attempt(id, event, '', 'How it ended is not known: the sender was stopped.', '', now)
    call('ZREM', KEY.webhook_running(id), event)
    call('ZADD', KEY.webhook_waiting(id), now, event)
  end
end

-- Endpoints that may turn out to have their share already, besides those that get something.
local LOOKED_AT = 100
local attempts = {}
local function grant(id, event, endpoint)
  local attempt = claim .. ':' .. (#attempts + 1)
  call('ZREM', KEY.webhook_waiting(id), event)
  call('ZADD', KEY.webhook_running(id), now + tonumber(lease_us), event)
  call('HSET', KEY.delivery(id, event), 'claim', attempt)
  call('HINCRBY', KEY.delivery(id, event), 'attempts', 1)
  local f = call('HMGET', KEY.delivery(id, event), 'type', 'body', 'failed')
  local former = endpoint[5] and tonumber(endpoint[6]) > now and endpoint[5] or ''
  attempts[#attempts + 1] = { id, event, attempt, now, endpoint[3], f[1], f[2], tonumber(f[3] or 0),
    tonumber(endpoint[7] or 0), endpoint[4], former }
end

for _, id in ipairs(call('ZRANGEBYSCORE', KEY.webhook_due(), '-inf', now, 'LIMIT', 0, tonumber(limit) + LOOKED_AT)) do
  if #attempts == tonumber(limit) then break end
  take_back(id)
  local endpoint = call('HMGET', KEY.webhook(id), 'enabled', 'hold_until', 'url', 'secret', 'old_secret', 'old_until',
    'failures')
  local most = endpoint[7] and 1 or tonumber(each)
  local free = most - call('ZCARD', KEY.webhook_running(id))
  local wanted = math.min(free, tonumber(limit) - #attempts)
  local open = endpoint[1] == '1' and tonumber(endpoint[2] or 0) <= now
  if open and wanted > 0 then
    local waiting = KEY.webhook_waiting(id)
    for _, event in ipairs(call('ZRANGEBYSCORE', waiting, '-inf', now, 'LIMIT', 0, wanted)) do
      grant(id, event, endpoint)
      free = free - 1
    end
  end
  WEBHOOK.reschedule(id, true, free <= 0)
end
return attempts
