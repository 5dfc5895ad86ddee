-- @include task
-- What keeps tasks from starting, as a claim finds it, in the claim's own order: the type is stopped, its tenant or group
-- is at a cap, the type is at its own limit. Each answers the reason and its numbers, or nil. Changes nothing.
local OBSTACLE = {}

-- So many workers of a type are looked at.
OBSTACLE.MOST_WORKERS = 1000

-- Of the time that a worker's record outlives its last heartbeat: after so much of it the worker counts as dead, unless
-- the lease of what it runs still holds. It is heard at least every third of that.
OBSTACLE.SILENCE = 0.4

function OBSTACLE.holds_lease(key, id)
  local task = id and read_task(id)
  if not (task and task.status == 'processing' and KEY.worker(task.worker or '') == key) then return false end
  return (tonumber(call('ZSCORE', facts(task.queue).leases, id .. ':' .. task.lease) or nil) or 0) > lease_score(now)
end

-- The state of a worker that lives; else nil.
function OBSTACLE.state_of(key)
  local f = call('HMGET', key, 'state', 'last_heartbeat', 'ttl', 'current_job')
  local heard, ttl = microseconds(f[2]), tonumber(f[3] or nil)
  if f[1] and heard and ttl and now - heard > OBSTACLE.SILENCE * ttl * 1000000 then
    return f[1] == 'busy' and OBSTACLE.holds_lease(key, f[4]) and f[1] or nil
  end
  return f[1]
end

-- Live workers that listen to a type, and how many of them have nothing to do. `crews` remembers, for one call.
function OBSTACLE.crew(crews, type_name)
  if crews[type_name] then return crews[type_name] end
  local found = { workers = 0, idle = 0 }
  local names = KEY.registry('workers', type_name)
  for _, key in ipairs(call('SRANDMEMBER', names, OBSTACLE.MOST_WORKERS)) do
    local state = crews[key]
    if state == nil then state = OBSTACLE.state_of(key) or false end
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
