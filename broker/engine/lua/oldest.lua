-- oldest: the task of each type that has stood in line for the longest, as far as so many lines tell. Changes nothing.
-- KEYS[1] prefix
-- ARGV[1] limit  lines of each type that are looked at
-- ARGV[2..] types
-- Returns {id or '', microsecond since which it waits, what its tenant is at: 'tenant_cap', 'group_cap' or ''} for each
-- @include lines
local function look(found, queue, tenant, group, cap)
  found.left = found.left - 1
  local head = call('ZRANGE', SHARE.line_of(queue, tenant, group), 0, 0, 'WITHSCORES')
  local since = tonumber(head[2] or nil)
  if since and since < found.since then found.id, found.since, found.cap = head[1], since, cap end
end

local function look_at_tenant(found, queue, tenant, cap)
  if found.left <= 0 then return end
  look(found, queue, tenant, '', cap)
  if not settings(found.type).grouped or found.left <= 0 then return end
  for _, group in ipairs(call('ZRANGE', SHARE.group_shares_of(queue, tenant), 0, found.left - 1)) do
    if group ~= '' then look(found, queue, tenant, group, cap) end
  end
end

local function oldest(type_name)
  local found = { type = type_name, left = tonumber(limit), id = '', since = NEVER, cap = '' }
  local capped = call('ZRANGE', KEY.capped(type_name), 0, limit - 1)
  local full_groups = call('SRANDMEMBER', KEY.capped_groups(type_name), limit)
  for _, queue in ipairs(queues_of(type_name)) do
    for _, tenant in ipairs(call('ZRANGE', facts(queue).shares, 0, limit - 1)) do look_at_tenant(found, queue, tenant, '') end
    for _, tenant in ipairs(capped) do look_at_tenant(found, queue, tenant, 'tenant_cap') end
    for _, member in ipairs(full_groups) do
      local tenant, group = string.match(member, '^([^:]*):(.*)$')
      if found.left > 0 then look(found, queue, tenant, group, 'group_cap') end
    end
  end
  return found
end

local reply = {}
for _, type_name in ipairs(types) do
  local found = oldest(type_name)
  reply[#reply + 1] = found.id
  reply[#reply + 1] = found.id == '' and 0 or found.since
  reply[#reply + 1] = found.cap
end
return reply
