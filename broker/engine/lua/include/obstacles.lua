-- @include task
-- What keeps tasks from starting, as a claim finds it, in the claim's own order: the type is stopped, its tenant or group
-- is at a cap, the type is at its own limit. Each answers the reason and its numbers, or nil. Changes nothing.
local OBSTACLE = {}

-- So many workers of a type are looked at.
OBSTACLE.MOST_WORKERS = 1000

-- Live workers that listen to a type, and how many of them have nothing to do. `crews` remembers, for one call.
function OBSTACLE.crew(crews, type_name)
  if crews[type_name] then return crews[type_name] end
  local found = { workers = 0, idle = 0 }
  local names = KEY.registry('workers', type_name)
  for _, key in ipairs(call('SRANDMEMBER', names, OBSTACLE.MOST_WORKERS)) do
    local state = crews[key]
    if state == nil then state = call('HGET', key, 'state') end
    crews[key] = state
    if state then
      found.workers = found.workers + 1
      if state ~= 'busy' then found.idle = found.idle + 1 end
    end
  end
  crews[type_name] = found
  return found
end

function OBSTACLE.stopped(type_name, crew)
  if suspended() then return 'paused', { suspended = true } end
  if settings(type_name).paused then return 'paused', {} end
  if crew.workers == 0 then return 'no_worker', {} end
end

function OBSTACLE.of_tenant(type_name, tenant)
  local wait = CAP.any(type_name) and CAP.wait(type_name, tenant)
  if not wait then return nil end
  local rate, _, most = CAP.of(type_name, tenant)
  if wait ~= NEVER then return 'tenant_limit', { rate = rate / 1000, ['until'] = now + wait } end
  return 'tenant_limit', { running = count_in(index_of(tenant, type_name), 'processing'), concurrency = most }
end

function OBSTACLE.of_group(type_name, tenant, group)
  local most = group ~= '' and settings(type_name).group_concurrency
  local in_group = most and call('SCARD', KEY.group_runs(type_name, tenant, group))
  if most and in_group >= most then return 'group_limit', { running = in_group, concurrency = most } end
end

function OBSTACLE.of_type(type_name)
  local s = limits(type_name)
  if s.concurrency and running(type_name) >= s.concurrency then
    return 'concurrency', { running = running(type_name), concurrency = s.concurrency }
  end
  if due_in(s) > 0 then return 'rate_limit', { rate = s.rate / 1000, ['until'] = now + due_in(s) } end
end
