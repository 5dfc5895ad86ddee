-- @include base
-- What happens to a task, told to whoever listens for its tenant: webhooks through `outbox`, where an event stays until
-- it is delivered, and live listeners through the tenant's own stream, which keeps the newest.
local KEPT_EVENTS = 10000
local ENDS = { completed = true, failed = true, cancelled = true }

-- Who listens for the tenant; nobody, most of the time.
local function listeners(tenant)
  local name = 'listeners:' .. tenant -- no type has a ':' in its name
  if not seen[name] then
    local f = call('HMGET', B .. 'listeners', tenant .. ':webhooks', tenant .. ':live')
    seen[name] = { webhooks = f[1], live = (tonumber(f[2]) or 0) > now }
  end
  return seen[name]
end

-- Call it after the task's hash is written.
local function announce(task, status)
  local who = listeners(task.tenant)
  if who.webhooks and ENDS[status] then
    call('XADD', B .. 'outbox', '*', 'task', task.id, 'tenant', task.tenant, 'type', 'task.' .. status, 'at', at())
  end
  if who.live then
    call('XADD', B .. 'events:' .. task.tenant, 'MAXLEN', '~', KEPT_EVENTS, '*', 'task', task.id, 'type', task.type,
      'status', status, 'at', at())
  end
end
