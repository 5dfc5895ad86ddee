-- sample_waits: notes why the next task of a type does not start, where that is something else than at the last look.
-- KEYS[1] prefix
-- ARGV[1] type_name
-- ARGV[2] blind_us  without a look for so long nobody knows what was
-- Returns 1
-- @include wait_logs

-- Tenants, and groups, of a type that are looked at; others count as their type.
local MOST = 50

local function has_in_line(queue, tenant)
  return call('EXISTS', SHARE.line_of(queue, tenant, ''), SHARE.group_shares_of(queue, tenant)) > 0
end

-- The tenants that have tasks in line, each with its highest queue, and the one whose turn it is.
local function waiting_tenants()
  local found, count, turn = {}, 0, nil
  for _, queue in ipairs(call('ZREVRANGE', READY, 0, -1)) do
    local tenants = type_of(queue) == type_name and call('ZRANGE', facts(queue).shares, 0, MOST - 1) or {}
    for _, tenant in ipairs(tenants) do
      if count < MOST and not found[tenant] and has_in_line(queue, tenant) then
        found[tenant], count, turn = queue, count + 1, turn or tenant
      end
    end
  end
  return found, turn
end

-- Adds those at their cap, which stand in no shares.
local function add_capped(tenants)
  if not CAP.any(type_name) then return end
  for _, tenant in ipairs(call('ZRANGE', KEY.capped(type_name), 0, MOST - 1)) do tenants[tenant] = tenants[tenant] or type_name end
end

local function note_groups(tenants, reasons)
  if not settings(type_name).group_concurrency then return end
  local left = MOST
  local function note(tenant, group)
    left = left - 1
    if left >= 0 and reasons[tenant] ~= 'tenant_limit' and OBSTACLE.of_group(type_name, tenant, group) then
      reasons[tenant .. ':' .. group] = 'group_limit'
    end
  end
  for _, member in ipairs(call('SRANDMEMBER', KEY.capped_groups(type_name), MOST)) do
    note(string.match(member, '^([^:]*):(.*)$'))
  end
  for tenant, queue in pairs(tenants) do
    for _, group in ipairs(call('ZRANGE', SHARE.group_shares_of(queue, tenant), 0, MOST - 1)) do note(tenant, group) end
  end
end

-- The reasons of tenants and groups for which it is another than that of the type.
local function reasons_of_others(reason)
  local reasons = {}
  if not (reason == 'workers_busy' or CAP.any(type_name) or settings(type_name).group_concurrency) then return reasons end
  local tenants, turn = waiting_tenants()
  add_capped(tenants)
  for tenant in pairs(tenants) do
    if OBSTACLE.of_tenant(type_name, tenant) then
      reasons[tenant] = 'tenant_limit'
    elseif reason == 'workers_busy' and turn and tenant ~= turn then
      reasons[tenant] = 'share'
    end
  end
  note_groups(tenants, reasons)
  return reasons
end

local looked = tonumber(call('HGET', KEY.waits_sampled(), type_name) or nil)
if looked and now - looked > tonumber(blind_us) then WAITLOG.go_blind(type_name, looked) end
local crew = OBSTACLE.crew({}, type_name)
local stopped = OBSTACLE.stopped(type_name, crew)
local reason = stopped or OBSTACLE.of_type(type_name) or (crew.idle > 0 and 'hand_over' or 'workers_busy')
WAITLOG.note_type(type_name, reason)
WAITLOG.note_others(type_name, now, stopped and {} or reasons_of_others(reason))
if not looked or now > looked then call('HSET', KEY.waits_sampled(), type_name, now) end
return 1
