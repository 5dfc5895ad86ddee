-- @include base
-- @include task_fields
-- What happens to a task, told to whoever listens for its tenant: webhooks through `outbox`, where an event stays until
-- it is delivered, and live listeners through the tenant's own stream, which keeps the newest.
local KEPT_EVENTS = 10000

-- Who listens for the tenant: nobody, most of the time. A script that changes it has to clear_cache().
local function listeners(tenant)
  local who = cache.listeners[tenant]
  if not who then
    if cache.all_listeners == nil then
      cache.all_listeners = little(KEY.listeners()) or false
      cache.silent = cache.all_listeners and not next(cache.all_listeners)
    end
    local webhooks, live = tenant .. ':webhooks', tenant .. ':live'
    local all = cache.all_listeners
    local f = all and { all[webhooks], all[live] } or call('HMGET', KEY.listeners(), webhooks, live)
    who = { webhooks = f[1], live = tonumber(f[2] or nil) or 0 }
    cache.listeners[tenant] = who
  end
  return who
end

-- Nothing is told of a task that helps with another: it is part of how that is done.
local function put_into_outbox(task, event)
  local entry = { 'task', task.id, 'type', event, 'at', at() }
  for i, value in ipairs(call('HMGET', task.key, unpack(TASK_FIELDS))) do
    if value then
      if TASK_FIELDS[i] == 'part_of' then return end
      entry[#entry + 1] = TASK_FIELDS[i]
      entry[#entry + 1] = value
    end
  end
  call('XADD', KEY.outbox(), '*', unpack(entry))
end

-- Tells live listeners: an event of a kind and its fields. Nobody listens, nothing is written.
local function tell(tenant, kind, fields)
  if cache.silent or listeners(tenant).live <= now then return end
  local flat = { 'kind', kind, 'at', at() }
  for name, value in pairs(fields) do
    flat[#flat + 1] = name
    flat[#flat + 1] = value
  end
  call('XADD', KEY.events(tenant), 'MAXLEN', '~', KEPT_EVENTS, '*', unpack(flat))
end

-- Another look at what a task waits for elsewhere is no start that a webhook is told of.
local function looks_again(task)
  return tonumber(call('HGET', task.key, 'postponed')) == task.runs - 1
end

-- Tells a new status, with `more` that belongs to it. Call it after the task's hash is written.
local function announce(task, status, more)
  if cache.silent then return end -- nobody listens at all
  local who = listeners(task.tenant)
  if who.webhooks and string.find(who.webhooks, 'task.' .. status, 1, true)
    and not (status == 'processing' and looks_again(task)) then
    put_into_outbox(task, 'task.' .. status)
  end
  if who.live > now then
    local fields = { task = task.id, type = task.type, status = status }
    for name, value in pairs(more or {}) do fields[name] = value end
    tell(task.tenant, 'status', fields)
  end
end

-- Tells a run that ended without ending its task.
local function tell_attempt(task, outcome, message)
  tell(task.tenant, 'attempt', { task = task.id, type = task.type, outcome = outcome, error = message })
end
