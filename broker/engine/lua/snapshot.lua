-- snapshot: what decides when waiting tasks start, of one moment.
-- KEYS[1] prefix
-- ARGV[1] most_due  scheduled tasks that are told, the first
-- ARGV[2] within_us  and due in so long
-- ARGV[3..] names  of types
-- Returns {now, suspended, types, lines, workers, due, weights, tenant_limits}. Types: {name, limits, estimates, capped
-- tenants}. Lines: {queue, tenant, group, how many wait, tag or '' for a capped tenant, tag of the group or '', where TURN
-- stands among the tenants and among the tenant's groups or '', level and ts of the tenant's bucket or ''}. Workers: {name, types, {type, level, tenant, group, started_at, progress, charged} of what
-- it runs or {}, whether it takes nothing more}. Due: {us until then, type, level, tenant, group}. Weights and
-- tenant_limits: their hashes
-- @include task
-- @include wake
local types, lines, workers, due = {}, {}, {}, {}

local function tell_line(queue, tenant, tag, group, group_tag, turn, group_turn, bucket)
  local waiting = call('ZCARD', SHARE.line_of(queue, tenant, group))
  if waiting > 0 then
    lines[#lines + 1] = { queue, tenant, group, waiting, tag, group_tag, turn, group_turn, bucket[1] or '', bucket[2] or '' }
  end
end

local function tell_tenant(queue, tenant, tag, turn)
  local type_name = type_of(queue)
  local bucket = CAP.any(type_name) and call('HMGET', KEY.tenant_bucket(type_name, tenant), 'level', 'ts') or {}
  local shares = call('ZRANGE', SHARE.group_shares_of(queue, tenant), 0, -1, 'WITHSCORES')
  local group_turn = call('ZSCORE', SHARE.group_shares_of(queue, tenant), TURN) or ''
  local plain = true
  for i = 1, #shares, 2 do
    tell_line(queue, tenant, tag, shares[i], shares[i + 1], turn, group_turn, bucket)
    if shares[i] == '' then plain = false end
  end
  if plain then tell_line(queue, tenant, tag, '', '', turn, group_turn, bucket) end
end

for _, name in ipairs(names) do
  local capped = CAP.any(name) and call('ZRANGE', KEY.capped(name), 0, -1) or {}
  types[#types + 1] = { name, call('HGETALL', KEY.limits(name)), call('HGETALL', KEY.estimates(name)), capped }
  for _, queue in ipairs(queues_of(name)) do
    local shares = call('ZRANGE', facts(queue).shares, 0, -1, 'WITHSCORES')
    local turn = call('ZSCORE', facts(queue).shares, TURN) or ''
    for i = 1, #shares, 2 do tell_tenant(queue, shares[i], shares[i + 1], turn) end
    for _, tenant in ipairs(capped) do
      if not call('ZSCORE', facts(queue).shares, tenant) then tell_tenant(queue, tenant, '', turn) end
    end
  end
end

local function run_of(worker, id)
  local task = id and read_task(id)
  if not (task and task.status == 'processing' and task.worker == worker) then return {} end
  return { task.type, facts(task.lifted or task.queue).level, task.tenant, task.group, task.started_at or '',
    call('HGET', task.key, 'progress') or '', task.charged or '' }
end

for _, key in ipairs(call('SMEMBERS', KEY.workers())) do
  local f, worker = call('HMGET', key, 'state', 'queues', 'current_job'), string.sub(key, #P + 8)
  if f[1] then
    local run = run_of(worker, f[1] == 'busy' and f[3])
    workers[#workers + 1] = { worker, f[2] or '', run, call('EXISTS', KEY.draining(worker)) }
  end
end

local entries = call('ZRANGEBYSCORE', KEY.due(), '-inf', now + within_us, 'WITHSCORES', 'LIMIT', 0, most_due)
for i = 1, #entries, 2 do
  local task = read_task(entries[i])
  if task then
    due[#due + 1] = { int(math.max(0, entries[i + 1] - now)), task.type, facts(task.queue).level, task.tenant, task.group }
  end
end
return { int(now), call('EXISTS', KEY.suspended()), types, lines, workers, due, call('HGETALL', KEY.weights()),
  call('HGETALL', KEY.tenant_limits()) }
