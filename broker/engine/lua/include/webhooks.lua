-- @include audit
-- Endpoints, and what is owed to them. An endpoint's events of one task stand in a lane, and only the first of a lane is in
-- `waiting` (by the time it is due) or `running` (by the end of its sender's lease): so a later event of a task waits for
-- the earlier one, and for nothing else. `webhook_due` tells when somebody has to look at which endpoint.
local WEBHOOK = { KEPT_ATTEMPTS = 1000 }
-- Of the events that could not be told, so many.
WEBHOOK.KEPT_ASIDE = 1000
-- Of the events that have ended, so many and so many bytes of their bodies; of what is owed, so many bytes.
WEBHOOK.KEPT_ENDED, WEBHOOK.KEPT_ENDED_BYTES, WEBHOOK.MOST_OWED_BYTES = 1000, 16777216, 268435456

-- Is this the id of an endpoint of the tenant?
function WEBHOOK.owns(tenant, id)
  return call('HGET', KEY.webhook(id), 'tenant') == tenant
end

-- What the audit log is told of an endpoint, and a text that differs with each change. What follows a ? is often a secret.
function WEBHOOK.described(id)
  local f = call('HMGET', KEY.webhook(id), 'url', 'events', 'description', 'enabled')
  local place, query = string.match(f[1], '^([^?#]*)(.?)')
  local shown = { url = place .. (query ~= '' and '?********' or ''), events = f[2], description = f[3], enabled = f[4] == '1' }
  return cjson.encode(shown), cjson.encode(f)
end

-- What the tenant's endpoints want to be told, for announce().
function WEBHOOK.refresh_listeners(tenant)
  local wanted = {}
  for _, id in ipairs(call('ZRANGE', KEY.webhooks(tenant), 0, -1)) do
    local f = call('HMGET', KEY.webhook(id), 'enabled', 'events')
    if f[1] == '1' then wanted[#wanted + 1] = f[2] end
  end
  if #wanted > 0 then
    call('HSET', KEY.listeners(), tenant .. ':webhooks', table.concat(wanted, ','))
  else
    call('HDEL', KEY.listeners(), tenant .. ':webhooks')
  end
  clear_cache()
end

-- Notes when somebody has to look at the endpoint again, if ever. `looked_at`: it was looked at just now, and stands behind
-- those that have waited for longer; one that waits already keeps its place. `full`: it gets nothing more until an attempt
-- has ended.
function WEBHOOK.reschedule(id, looked_at, full)
  local look = tonumber(call('ZRANGE', KEY.webhook_running(id), 0, 0, 'WITHSCORES')[2])
  local f = call('HMGET', KEY.webhook(id), 'enabled', 'hold_until')
  local due = tonumber(call('ZRANGE', KEY.webhook_waiting(id), 0, 0, 'WITHSCORES')[2])
  if f[1] == '1' and due and not full then
    due = math.max(due, tonumber(f[2]) or 0, now)
    look = math.min(look or due, due)
  end
  local waits_since = not looked_at and tonumber(call('ZSCORE', KEY.webhook_due(), id) or nil)
  if not look then
    call('ZREM', KEY.webhook_due(), id)
  elseif not (waits_since and waits_since <= now and look <= now) then
    call('ZADD', KEY.webhook_due(), look, id)
  end
end

function WEBHOOK.disable(id, reason)
  call('HSET', KEY.webhook(id), 'enabled', '0', 'disabled_reason', reason)
  WEBHOOK.refresh_listeners(call('HGET', KEY.webhook(id), 'tenant'))
end

-- Puts a noted event at the end of its task's lane.
function WEBHOOK.enqueue(id, event, task)
  call('HINCRBY', KEY.webhook(id), 'owed_bytes', call('HSTRLEN', KEY.delivery(id, event), 'body'))
  if call('RPUSH', KEY.webhook_lane(id, task), event) == 1 then
    call('ZADD', KEY.webhook_waiting(id), now, event)
    WEBHOOK.reschedule(id)
  end
end

-- Makes room; returns the bytes that are still cache.
function WEBHOOK.forget_oldest(id)
  local event = call('RPOP', KEY.webhook_ended(id))
  local size = call('HSTRLEN', KEY.delivery(id, event), 'body')
  call('DEL', KEY.delivery(id, event))
  return call('HINCRBY', KEY.webhook(id), 'ended_bytes', -size)
end

-- Ends what is owed about an event, and lets the next one of its task go. The event is kept for a while, to be sent again.
function WEBHOOK.end_delivery(id, event, task, state)
  local lane, ended = KEY.webhook_lane(id, task), KEY.webhook_ended(id)
  local size = call('HSTRLEN', KEY.delivery(id, event), 'body')
  call('HSET', KEY.delivery(id, event), 'state', state)
  call('HINCRBY', KEY.webhook(id), 'owed_bytes', -size)
  call('LREM', lane, 1, event)
  local following = call('LINDEX', lane, 0)
  if following then call('ZADD', KEY.webhook_waiting(id), now, following) end
  local count, bytes = call('LPUSH', ended, event), call('HINCRBY', KEY.webhook(id), 'ended_bytes', size)
  while count > WEBHOOK.KEPT_ENDED or (count > 1 and bytes > WEBHOOK.KEPT_ENDED_BYTES) do
    bytes = WEBHOOK.forget_oldest(id)
    count = count - 1
  end
end

function WEBHOOK.log_attempt(id, event, status_code, reason, duration_ms, next_at)
  local f = call('HMGET', KEY.delivery(id, event), 'type', 'task', 'attempts')
  call('XADD', KEY.webhook_log(id), 'MAXLEN', WEBHOOK.KEPT_ATTEMPTS, '*', 'event', event, 'type', f[1], 'task', f[2],
    'attempt', f[3], 'at', at(), 'status_code', status_code, 'error', reason, 'duration_ms', duration_ms,
    'next_at', next_at and iso(next_at) or '')
end
