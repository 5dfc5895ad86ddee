-- @include base
-- Endpoints, and what is owed to them. An endpoint's events of one task stand in a lane, and only the first of a lane is in
-- `waiting` (by the time it is due) or `running` (by the end of its sender's lease): so a later event of a task waits for
-- the earlier one, and for nothing else. `webhook_due` tells when somebody has to look at which endpoint.
local KEPT_ATTEMPTS = 1000
-- Of the events that could not be told, so many.
local KEPT_ASIDE = 1000
-- Of the events that have ended, so many and so many bytes of their bodies; of what is owed, so many bytes.
local KEPT_ENDED, KEPT_ENDED_BYTES, MOST_OWED_BYTES = 1000, 16777216, 268435456

local function webhook_key(id)
  return B .. 'webhook:' .. id
end

local function delivery_key(id, event)
  return webhook_key(id) .. ':event:' .. event
end

-- Is this the id of an endpoint of the tenant?
local function owns(tenant, id)
  return call('HGET', webhook_key(id), 'tenant') == tenant
end

-- What the tenant's endpoints want to be told, for announce().
local function refresh_listeners(tenant)
  local wanted = {}
  for _, id in ipairs(call('ZRANGE', B .. 'webhooks:' .. tenant, 0, -1)) do
    local f = call('HMGET', webhook_key(id), 'enabled', 'events')
    if f[1] == '1' then wanted[#wanted + 1] = f[2] end
  end
  if #wanted > 0 then
    call('HSET', B .. 'listeners', tenant .. ':webhooks', table.concat(wanted, ','))
  else
    call('HDEL', B .. 'listeners', tenant .. ':webhooks')
  end
  forget()
end

-- Notes when somebody has to look at the endpoint again, if ever. `served`: it was looked at just now, and stands behind
-- those that have waited for longer; one that waits already keeps its place. `full`: it gets nothing more until an attempt
-- has ended.
local function reschedule_endpoint(id, served, full)
  local look = tonumber(call('ZRANGE', webhook_key(id) .. ':running', 0, 0, 'WITHSCORES')[2])
  local f = call('HMGET', webhook_key(id), 'enabled', 'hold_until')
  local due = tonumber(call('ZRANGE', webhook_key(id) .. ':waiting', 0, 0, 'WITHSCORES')[2])
  if f[1] == '1' and due and not full then
    due = math.max(due, tonumber(f[2]) or 0, now)
    look = math.min(look or due, due)
  end
  local waits_since = not served and tonumber(call('ZSCORE', B .. 'webhook_due', id) or nil)
  if not look then
    call('ZREM', B .. 'webhook_due', id)
  elseif not (waits_since and waits_since <= now and look <= now) then
    call('ZADD', B .. 'webhook_due', look, id)
  end
end

local function disable(id, reason)
  call('HSET', webhook_key(id), 'enabled', '0', 'disabled_reason', reason)
  refresh_listeners(call('HGET', webhook_key(id), 'tenant'))
end

-- Puts a noted event at the end of its task's lane.
local function enqueue_delivery(id, event, task)
  call('HINCRBY', webhook_key(id), 'owed_bytes', call('HSTRLEN', delivery_key(id, event), 'body'))
  if call('RPUSH', webhook_key(id) .. ':lane:' .. task, event) == 1 then
    call('ZADD', webhook_key(id) .. ':waiting', now, event)
    reschedule_endpoint(id)
  end
end

-- Makes room; returns the bytes that are still kept.
local function forget_oldest(id)
  local event = call('RPOP', webhook_key(id) .. ':ended')
  local size = call('HSTRLEN', delivery_key(id, event), 'body')
  call('DEL', delivery_key(id, event))
  return call('HINCRBY', webhook_key(id), 'ended_bytes', -size)
end

-- Ends what is owed about an event, and lets the next one of its task go. The event is kept for a while, to be sent again.
local function end_delivery(id, event, task, state)
  local lane, ended = webhook_key(id) .. ':lane:' .. task, webhook_key(id) .. ':ended'
  local size = call('HSTRLEN', delivery_key(id, event), 'body')
  call('HSET', delivery_key(id, event), 'state', state)
  call('HINCRBY', webhook_key(id), 'owed_bytes', -size)
  call('LREM', lane, 1, event)
  local following = call('LINDEX', lane, 0)
  if following then call('ZADD', webhook_key(id) .. ':waiting', now, following) end
  local count, bytes = call('LPUSH', ended, event), call('HINCRBY', webhook_key(id), 'ended_bytes', size)
  while count > KEPT_ENDED or (count > 1 and bytes > KEPT_ENDED_BYTES) do
    bytes = forget_oldest(id)
    count = count - 1
  end
end

local function log_attempt(id, event, status_code, error, duration_ms, next_at)
  local f = call('HMGET', delivery_key(id, event), 'type', 'task', 'attempts')
  call('XADD', webhook_key(id) .. ':log', 'MAXLEN', KEPT_ATTEMPTS, '*', 'event', event, 'type', f[1], 'task', f[2],
    'attempt', f[3], 'at', at(), 'status_code', status_code, 'error', error, 'duration_ms', duration_ms,
    'next_at', next_at and iso(next_at) or '')
end
