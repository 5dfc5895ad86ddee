-- @include caps
-- Taking the task whose turn it is.

-- The group of the tenant whose turn it is: its first task (and order), nil when no group has any. `turn` gets the group.
function SHARE.pop_of_groups(queue, turn)
  local shares = SHARE.group_shares_of(queue, turn.tenant)
  while true do
    local first, tag, rival = SHARE.first_two(shares)
    if not first then return nil end
    local popped = {}
    if not CAP.put_group_aside(queue, turn.tenant, first) then
      popped = call('ZPOPMIN', SHARE.line_of(queue, turn.tenant, first))
      if not popped[1] then call('ZREM', shares, first) end
    end
    if popped[1] then
      turn.group, turn.group_tag, turn.rivals = first, tonumber(tag), rival
      return popped
    end
  end
end

-- The first task of the tenant whose turn it is. A group of none stands for itself where tenants have no groups.
function SHARE.pop_of(queue, turn)
  local popped = settings(type_of(queue)).grouped and SHARE.pop_of_groups(queue, turn)
  if popped then return popped end
  popped = call('ZPOPMIN', SHARE.line_of(queue, turn.tenant, ''))
  if popped[1] then return popped end
  return SHARE.pop_of_groups(queue, turn)
end

-- Takes the next task of a queue out of its line: {id, order, tenant, group, ...}, or nil. That a tenant is the only one,
-- has no groups and no caps is remembered for as long as settings are, and no longer than until another comes.
function SHARE.take_turn(queue)
  local sole = cache.sole[queue]
  if sole then
    local popped = call('ZPOPMIN', sole.line)
    sole.id, sole.order = popped[1], popped[2]
    if popped[1] then return sole end
  end
  cache.sole[queue] = nil
  local found = facts(queue)
  while true do
    local tenant, tag, rival = SHARE.first_two(found.shares)
    if not tenant then return nil end
    local turn = { tenant = tenant, tag = tonumber(tag), group = '', alone = not rival }
    local capped = CAP.any(found.type) and CAP.put_aside(queue, turn.tenant)
    local popped = not capped and SHARE.pop_of(queue, turn)
    if popped then
      turn.id, turn.order = popped[1], popped[2]
      if turn.alone and not turn.group_tag and not CAP.any(found.type) and not settings(found.type).grouped then
        turn.line, cache.sole[queue] = SHARE.line_of(queue, turn.tenant, ''), turn
      end
      return turn
    end
    if not capped then call('ZREM', found.shares, turn.tenant) end
  end
end

