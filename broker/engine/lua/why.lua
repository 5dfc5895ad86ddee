-- why: why tasks of a tenant wait, as a claim finds them at this moment. Changes nothing.
-- KEYS[1] prefix
-- ARGV[1] tenant
-- ARGV[2..] ids
-- Returns {id, reason, JSON object of what belongs to it} for each that waits
-- @include obstacles
-- @include pending

local crews = {}

-- How many tasks a tenant, or another than its own group of it, has in line in a queue; of groups at most so many are read.
local MOST_GROUPS = 100
local function in_line(queue, of_tenant, but_group, most)
  local sum = but_group == '' and 0 or call('ZCARD', SHARE.line_of(queue, of_tenant, ''))
  for _, each in ipairs(call('ZRANGE', SHARE.group_shares_of(queue, of_tenant), 0, MOST_GROUPS - 1)) do
    if each ~= but_group and each ~= '' then
      sum = sum + math.min(most, call('ZCARD', SHARE.line_of(queue, of_tenant, each)))
    end
  end
  return sum
end

-- Its place in what its tenant has waiting in the type: the groups of a tenant take turns.
local function position_of(task, queue)
  local rank = call('ZRANK', LINE.of(task), task.id) or 0
  local position = rank + 1 + math.min(in_line(queue, task.tenant, task.group, rank + 1), (rank + 1) * MOST_GROUPS)
  for level = facts(queue).level + 1, LEVEL.highest do
    position = position + in_line(LEVEL.queue(task.type, level), task.tenant, nil, math.huge)
  end
  return position
end

-- Starts of others that come before it: all of higher levels, and a turn for each of its own tenant's in its level. Of
-- many tenants some are read, and speak for the others.
local MOST_TENANTS = 200
local function others_before(task, queue, position)
  local found, before, own = facts(queue), 0, 0
  for level = found.level + 1, LEVEL.highest do
    before = before + call('LLEN', facts(LEVEL.queue(task.type, level)).list)
    own = own + in_line(LEVEL.queue(task.type, level), task.tenant, nil, math.huge)
  end
  local tenants, sum, read = call('ZRANGE', found.shares, 0, MOST_TENANTS - 1, 'WITHSCORES'), 0, 0
  local own_tag = tonumber(call('ZSCORE', found.shares, task.tenant) or nil)
  for i = 1, #tenants, 2 do
    local each = tenants[i]
    if each ~= task.tenant then
      local turns = math.ceil((position - own) * SHARE.weight(each) / SHARE.weight(task.tenant))
      if own_tag and tonumber(tenants[i + 1]) > own_tag then turns = turns - 1 end
      sum, read = sum + math.min(turns, in_line(queue, each, nil, math.huge)), read + 1
    end
  end
  local others = call('ZCARD', found.shares) - (own_tag and 1 or 0)
  if read > 0 then sum = math.floor(sum * others / read) end
  return math.max(0, before - own) + sum
end

-- What a claim would say of it, in the claim's own order.
local function obstacle(task)
  local crew = OBSTACLE.crew(crews, task.type)
  local reason, found = OBSTACLE.stopped(task.type, crew)
  if not reason then reason, found = OBSTACLE.of_tenant(task.type, task.tenant) end
  if not reason then reason, found = OBSTACLE.of_group(task.type, task.tenant, task.group) end
  if not reason then reason, found = OBSTACLE.of_type(task.type) end
  if reason then return reason, found end
  return nil, { workers = crew.workers, idle = crew.idle }
end

local function of_pending(task)
  local queue = LINE.queue_of(task)
  local position = position_of(task, queue)
  local others = others_before(task, queue, position)
  local reason, facts_of = 'held', {}
  if task.held then
    local read, record = pcall(cjson.decode, call('HGET', KEY.holds(), task.held) or '')
    facts_of = { hold = task.held, why = read and record.reason or nil }
  else
    reason, facts_of = obstacle(task)
    if not reason then reason = position == 1 and others > 0 and 'share' or 'workers_busy' end
  end
  if string.find(task.lease, ' gave_way', 1, true) then facts_of.begun = call('HGET', task.key, 'progress') or '' end
  facts_of.position, facts_of.ahead, facts_of.others = position, position - 1 + others, others
  return reason, facts_of
end

local function of_scheduled(task)
  local waits_for = call('HGET', task.key, 'waiting_for')
  if waits_for and waits_for ~= '' then return 'depends_on', { waiting_for = waits_for } end
  local due = tonumber(call('ZSCORE', KEY.due(), task.id) or nil)
  if due == NEVER then return 'no_worker', { version = tonumber(call('HGET', task.key, 'version') or nil) } end
  return 'scheduled', { ['until'] = due }
end

local reply = {}
for _, id in ipairs(ids) do
  local task = read_task(id)
  if task and task.tenant == tenant and WAITING[task.status] then
    local reason, found
    if task.status == 'scheduled' then reason, found = of_scheduled(task) else reason, found = of_pending(task) end
    local f = task.flow and call('HMGET', task.key, 'deadline', 'runs') or {}
    if f[1] and not f[2] then found.deadline = int(microseconds(f[1])) end
    if found['until'] then found['until'] = int(found['until']) end -- which JSON would round
    reply[#reply + 1] = { id, reason, cjson.encode(found) }
  end
end
return reply
