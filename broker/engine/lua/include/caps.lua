-- @include shares
-- What a tenant, or a group, may take of a type: `tenant_rate` and `tenant_burst` (a bucket as the type's own),
-- `tenant_concurrency` and `group_concurrency`. Whoever is at a cap leaves the shares of the queue until it may go on, so
-- that claims meet it once and not again, however much it has waiting.
--
-- `capped` holds those tenants by the microsecond at which their next token is due; who waits for the end of a run of its
-- own stands at NEVER.
local CAP = {}

-- What is set for a tenant beside its type's defaults: 'rate/burst/concurrency', each '' where the default holds, 'none'
-- for no cap.
function CAP.exception(type_name, tenant)
  if cache.exceptions == nil then cache.exceptions = little(KEY.tenant_limits()) or false end
  local name, all = tenant .. ' ' .. type_name, cache.exceptions
  return all and all[name] or not all and call('HGET', KEY.tenant_limits(), name) or nil
end

-- What is set for a tenant, nil for no cap; the type's default where nothing is.
function CAP.or_default(value, default)
  if value == 'none' then return nil end
  return tonumber(value) or default
end

-- Rate (starts per 1,000 seconds), burst and concurrency of a tenant, nil for no cap; nothing where there are none.
function CAP.of(type_name, tenant)
  local set, exception = settings(type_name), CAP.exception(type_name, tenant)
  if not exception then return set.tenant_rate, set.tenant_burst, set.tenant_concurrency end
  local rate, burst, concurrency = string.match(exception, '^(%w*)/(%w*)/(%w*)$')
  return CAP.or_default(rate, set.tenant_rate), CAP.or_default(burst, set.tenant_burst) or 1, CAP.or_default(concurrency, set.tenant_concurrency)
end

-- Is any tenant of the type capped?
function CAP.any(type_name)
  return settings(type_name).capped
end

-- A tenant's bucket as it stands now. One that is not there, because it was full for long or the server has lost it, was
-- empty when the database began.
function CAP.level(key, rate, burst)
  local f = call('HMGET', key, 'level', 'ts')
  local since = tonumber(f[2] or nil) or tonumber(cached_life or nil) or now
  if since > now then since = now end
  return math.min(burst * TOKEN, (tonumber(f[1] or nil) or 0) + (now - since) * rate)
end

-- The microseconds until the tenant may start a task, NEVER when only the end of a run helps, nil when it may now.
function CAP.wait(type_name, tenant)
  local rate, burst, concurrency = CAP.of(type_name, tenant)
  if concurrency and count_in(index_of(tenant, type_name), 'processing') >= concurrency then return NEVER end
  local level = rate and CAP.level(KEY.tenant_bucket(type_name, tenant), rate, burst or 1)
  if level and level < TOKEN then return math.ceil((TOKEN - level) / rate) end
  return nil
end

-- Takes the token of a start.
function CAP.spend(type_name, tenant)
  local rate, burst = CAP.of(type_name, tenant)
  if not rate then return end
  local key = KEY.tenant_bucket(type_name, tenant)
  local level = CAP.level(key, rate, burst or 1) - TOKEN
  call('HSET', key, 'level', int(level), 'ts', now)
  call('PEXPIRE', key, math.ceil(((burst or 1) * TOKEN - level) / rate / 1000) + SPARE_MS)
end

-- Takes the tenant out of the shares of a queue if it is at a cap. Returns whether it is.
function CAP.put_aside(queue, tenant)
  local found = facts(queue)
  local wait = CAP.wait(found.type, tenant)
  if not wait then return false end
  call('ZREM', found.shares, tenant)
  call('ZADD', KEY.capped(found.type), wait == NEVER and NEVER or now + wait, tenant)
  return true
end

-- Lets a tenant that was at a cap go on: into the shares of all queues in which it has tasks in line.
function CAP.let_go(type_name, tenant)
  call('ZREM', KEY.capped(type_name), tenant)
  for _, queue in ipairs(queues_of(type_name)) do
    if call('EXISTS', SHARE.line_of(queue, tenant, ''), SHARE.group_shares_of(queue, tenant)) > 0 then
      SHARE.join_tenants(queue, tenant, 0)
    end
  end
end

-- Lets those go whose token is due, some at a time.
CAP.LET_GO = 20
function CAP.let_go_due(type_name)
  for _, tenant in ipairs(call('ZRANGEBYSCORE', KEY.capped(type_name), '-inf', now, 'LIMIT', 0, CAP.LET_GO)) do
    CAP.let_go(type_name, tenant)
  end
end

-- The microseconds until the next of them is due, or nil.
function CAP.next_due(type_name)
  if not CAP.any(type_name) then return nil end
  local due = tonumber(call('ZRANGE', KEY.capped(type_name), 0, 0, 'WITHSCORES')[2] or nil)
  return due and due < NEVER and math.max(0, due - now) or nil
end

-- After caps were changed all tenants are looked at again, the first at once.
function CAP.reset(type_name)
  local key = KEY.capped(type_name)
  if call('EXISTS', key) == 0 then return end
  call('ZUNIONSTORE', key, 1, key, 'WEIGHTS', 0)
  CAP.let_go_due(type_name)
end

-- Takes some runs out of a group's that are over: a foreign hand may have taken them.
function CAP.drop_lost_runs(key)
  for _, id in ipairs(call('SRANDMEMBER', key, CAP.LET_GO)) do
    if call('HGET', KEY.job(id), 'status') ~= RQ_STATUS.processing then call('SREM', key, id) end
  end
end

-- Does a group run as many tasks as its cap allows?
function CAP.group_is_full(type_name, tenant, group)
  local most = group ~= '' and settings(type_name).group_concurrency
  return most and call('SCARD', KEY.group_runs(type_name, tenant, group)) >= most
end

-- Is a group at its cap? It leaves the shares then, until a run of it ends.
function CAP.put_group_aside(queue, tenant, group)
  local found = facts(queue)
  if not CAP.group_is_full(found.type, tenant, group) then return false end
  CAP.drop_lost_runs(KEY.group_runs(found.type, tenant, group))
  if not CAP.group_is_full(found.type, tenant, group) then return false end
  call('ZREM', SHARE.group_shares_of(queue, tenant), group)
  call('SADD', KEY.capped_groups(found.type), tenant .. ':' .. group)
  return true
end

-- Counts a run as one of its group's.
function CAP.begin_group(task)
  call('SADD', KEY.group_runs(task.type, task.tenant, task.group), task.id)
end

-- A run ended: its group, and its tenant, may go on if they were at a cap because of it.
function CAP.end_run(task)
  local type_name, tenant, group = task.type, task.tenant, task.group
  if group ~= '' then
    call('SREM', KEY.group_runs(type_name, tenant, group), task.id)
    if settings(type_name).groups_capped then CAP.let_group_go(type_name, tenant, group) end
  end
  if CAP.any(type_name) and tonumber(call('ZSCORE', KEY.capped(type_name), tenant) or nil) == NEVER then
    CAP.let_go(type_name, tenant)
  end
end

-- Lets a group go on, if it was at its cap.
function CAP.let_group_go(type_name, tenant, group)
  if call('SREM', KEY.capped_groups(type_name), tenant .. ':' .. group) == 0 then return end
  for _, queue in ipairs(queues_of(type_name)) do
    if call('EXISTS', SHARE.line_of(queue, tenant, group)) == 1 then
      SHARE.join_groups(queue, tenant, group)
      SHARE.join_tenants(queue, tenant, 0)
    end
  end
end

-- Lets some go that are at no cap (any more), although no run of theirs has ended here: a cap was lifted, or a foreign
-- hand has taken their runs.
function CAP.review(type_name)
  CAP.let_go_due(type_name)
  for _, tenant in ipairs(call('ZRANDMEMBER', KEY.capped(type_name), CAP.LET_GO)) do
    if not CAP.wait(type_name, tenant) then CAP.let_go(type_name, tenant) end
  end
  for _, member in ipairs(call('SRANDMEMBER', KEY.capped_groups(type_name), CAP.LET_GO)) do
    local tenant, group = string.match(member, '^([^:]*):(.*)$')
    CAP.drop_lost_runs(KEY.group_runs(type_name, tenant, group))
    if not CAP.group_is_full(type_name, tenant, group) then CAP.let_group_go(type_name, tenant, group) end
  end
end
