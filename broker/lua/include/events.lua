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

-- Tells live listeners: an event of a kind and its fields. Nobody listens, nothing is written.
local function tell(tenant, kind, fields)
  if not listeners(tenant).live then return end
  local flat = { 'kind', kind, 'at', iso(now) }
  for name, value in pairs(fields) do
    flat[#flat + 1] = name
    flat[#flat + 1] = value
  end
  call('XADD', B .. 'events:' .. tenant, 'MAXLEN', '~', KEPT_EVENTS, '*', unpack(flat))
end

-- Tells a new status, with `more` that belongs to it. Call it after the task's hash is written.
local function announce(task, status, more)
  local who = listeners(task.tenant)
  if who.webhooks and ENDS[status] then
    call('XADD', B .. 'outbox', '*', 'task', task.id, 'tenant', task.tenant, 'type', 'task.' .. status, 'at', iso(now))
  end
  if who.live then
    local fields = { task = task.id, type = task.type, status = status }
    for name, value in pairs(more or {}) do fields[name] = value end
    tell(task.tenant, 'status', fields)
  end
end

-- Tells a run that ended without ending its task.
local function tell_attempt(task, outcome, message)
  tell(task.tenant, 'attempt', { task = task.id, type = task.type, outcome = outcome, error = message })
end
