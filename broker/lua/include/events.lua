-- @include base
-- What happens to a task, told to whoever listens for its tenant: webhooks through `outbox`, where an event stays until
-- it is delivered, and live listeners through the tenant's own stream, which keeps the newest.
local KEPT_EVENTS = 10000
local ENDS = { completed = true, failed = true, cancelled = true }

-- Who listens for the tenant: nobody, most of the time. A script that changes it has to forget().
local function listeners(tenant)
  local name = B .. 'listeners:' .. tenant
  if not kept[name] then
    local f = call('HMGET', B .. 'listeners', tenant .. ':webhooks', tenant .. ':live')
    kept[name] = { webhooks = f[1], live = tonumber(f[2]) or 0 }
  end
  return kept[name]
end

-- Call it after the task's hash is written.
local function announce(task, status)
  local who = listeners(task.tenant)
  if who.webhooks and ENDS[status] then
    call('XADD', B .. 'outbox', '*', 'task', task.id, 'tenant', task.tenant, 'type', 'task.' .. status, 'at', at())
  end
  if who.live > now then
    call('XADD', B .. 'events:' .. task.tenant, 'MAXLEN', '~', KEPT_EVENTS, '*', 'task', task.id, 'type', task.type,
      'status', status, 'at', at())
  end
end
