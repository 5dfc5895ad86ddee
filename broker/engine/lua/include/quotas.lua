-- @include usage
-- @include index
-- What a tenant may have and use. What an operator has set for it stands in a hash, as 'name=number name=none ...'; what
-- holds for a tenant without that comes with the call, behind the first word of `bounds`.

local QUOTA = { NONE = {} }

-- By name, as far as a quota is set.
function QUOTA.read(text, into)
  for name, value in string.gmatch(text, '([%w_]+)=(%w+)') do into[name] = tonumber(value) end
  for name in string.gmatch(text, '([%w_]+)=none') do into[name] = nil end
  return into
end

function QUOTA.own(tenant)
  if cache.all_quotas == nil then cache.all_quotas = little(KEY.quotas()) or false end
  if cache.all_quotas then return cache.all_quotas[tenant] end
  return call('HGET', KEY.quotas(), tenant)
end

-- The quotas of a tenant; nil when it has none. A script that changes them has to clear_cache().
function QUOTA.of(tenant, bounds)
  local known = cache.quotas[bounds] or {}
  cache.quotas[bounds] = known
  if not known[tenant] then
    local set = QUOTA.read(QUOTA.own(tenant) or '', QUOTA.read(string.match(bounds, ' (.*)$') or '', {}))
    known[tenant] = next(set) and set or QUOTA.NONE
  end
  return known[tenant] ~= QUOTA.NONE and known[tenant] or nil
end

-- The reply that refuses something: which quota, what it is, what is used, microseconds until there is more or -1.
function QUOTA.refused(name, limit, used, again)
  return { -4, name, int(limit), int(used), int(again) }
end

-- How many tasks of a tenant wait; what is remembered is too many, if anything.
function QUOTA.waiting(tenant, exactly)
  local sum = 0
  cache.type_names = cache.type_names or call('SMEMBERS', KEY.types())
  for _, type_name in ipairs(cache.type_names) do
    local index = index_of(tenant, type_name)
    local waiting = not exactly and cache.waiting[index] or count_waiting(index)
    cache.waiting[index] = waiting
    sum = sum + waiting
  end
  return sum
end

-- What the runs of a tenant have used since the first day of `days` (as '2024-01-31'): {us of processor time, ms of
-- recordings}. Whatever adds to it has it forgotten.
function QUOTA.spent_on(tenant, days)
  local cpu, media = 0, 0
  for _, day in ipairs(days) do
    local flat = call('HGETALL', KEY.usage(tenant, day))
    for i = 1, #flat, 2 do
      if string.sub(flat[i], 1, 1) ~= '=' then
        local row = USAGE.numbers(flat[i + 1])
        cpu, media = cpu + (row[2] or 0), media + (row[4] or 0)
      end
    end
  end
  return { cpu = cpu, media = media }
end

function QUOTA.spent(tenant, monthly)
  local today, which = string.sub(at(), 1, 10), monthly and 'month' or 'day'
  local spent = cache.spent[tenant]
  if not spent or spent.today ~= today then spent = { today = today } end
  cache.spent[tenant] = spent
  if not spent[which] then
    local days = { today }
    if monthly then
      for day = 1, tonumber(string.sub(today, 9)) - 1 do days[#days + 1] = string.format('%s%02d', string.sub(today, 1, 8), day) end
    end
    spent[which] = QUOTA.spent_on(tenant, days)
  end
  return spent[which]
end

-- Microseconds until the next day, or month, begins.
function QUOTA.until_next(monthly)
  local day = 86400000000
  local left = day - now % day
  if not monthly then return left end
  local month = string.sub(at(), 1, 7)
  while string.sub(iso(now + left), 1, 7) == month do left = left + day end
  return left
end

QUOTA.BUDGETS = {
  { 'cpu_seconds_per_day', 'cpu', 1000000, false }, { 'cpu_seconds_per_month', 'cpu', 1000000, true },
  { 'media_seconds_per_day', 'media', 1000, false }, { 'media_seconds_per_month', 'media', 1000, true },
}

function QUOTA.refused_by_budget(tenant, set)
  for _, budget in ipairs(QUOTA.BUDGETS) do
    local name, what, scale, monthly = unpack(budget)
    if set[name] then
      local used = QUOTA.spent(tenant, monthly)[what]
      if used >= set[name] * scale then
        return QUOTA.refused(name, set[name], math.floor(used / scale), QUOTA.until_next(monthly))
      end
    end
  end
  return nil
end

function QUOTA.refused_by_uploads(tenant, set, size)
  if set.uploads_per_day then
    local used = tonumber(call('HGET', USAGE.today(tenant), '=uploads') or 0)
    if used >= set.uploads_per_day then
      return QUOTA.refused('uploads_per_day', set.uploads_per_day, used, QUOTA.until_next(false))
    end
  end
  if set.stored_bytes then
    local used = tonumber(call('HGET', KEY.stored(), tenant) or 0)
    if used + size > set.stored_bytes then return QUOTA.refused('stored_bytes', set.stored_bytes, used, -1) end
  end
  return nil
end

-- nil when a tenant may have so many more tasks, with an upload of `size` bytes or none (nil); else the reply.
function QUOTA.refusal(tenant, bounds, count, size)
  local set = QUOTA.of(tenant, bounds)
  if not set then return nil end
  local most = set.waiting_tasks
  if most and QUOTA.waiting(tenant, false) + count > most then
    local waiting = QUOTA.waiting(tenant, true)
    if waiting + count > most then return QUOTA.refused('waiting_tasks', most, waiting, -1) end
  end
  return QUOTA.refused_by_budget(tenant, set) or (size and QUOTA.refused_by_uploads(tenant, set, size))
end
