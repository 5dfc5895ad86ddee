-- @include index
-- @include limits
-- Whose turn it is: start-time fair queueing (P. Goyal, H. Vin, H. Cheng, "Start-Time Fair Queueing", SIGCOMM 1996) among
-- the tenants that wait in a queue, and among the groups of each.
--
-- Who waits has a start tag, in microseconds of work per weight; the smallest is served, and grows by what its task is
-- charged: an estimate when it starts, put right while it runs and when it ends. Who comes begins at the smallest tag of
-- those who wait: being away gains nothing. A tag that is ahead of that is a debt, and is kept while something of the
-- tenant runs. While nobody else waits nothing is charged, since nobody was kept waiting.
--
-- Among them stands TURN at the start tag of the start that was charged last: who comes for the first time begins there,
-- and not at what the task of somebody else is expected to take that has just started.
--
-- Who has nothing waiting any more is taken out when its turn comes, when its tag is the smallest and so no debt.

local SHARE = {}

-- The name of no tenant and no group.
local TURN = '\n'

-- What a task is charged for which nothing is known.
local UNKNOWN_US = 1000000
-- An estimate that is wrong by less, or by less than a quarter, stays.
local NEGLIGIBLE_US = 1000

-- Where the tasks of a tenant's group wait in a queue, in their order.
function SHARE.line_of(queue, tenant, group)
  local found = facts(queue)
  if group ~= '' then return KEY.waiting(found.type, found.level, tenant, group) end
  local line = found.lines[tenant]
  if not line then
    line = KEY.waiting(found.type, found.level, tenant, '')
    found.lines[tenant], spelled.count = line, spelled.count + 1
  end
  return line
end

-- The start tags of a tenant's groups in a queue.
function SHARE.group_shares_of(queue, tenant)
  local found = facts(queue)
  return KEY.group_shares(found.type, found.level, tenant)
end

-- Of those that begin at the same tag, the first to come is the first: each stands so many microseconds behind the one
-- before, which is less than any task takes, as long as there are not more of them than that.
SHARE.BEHIND, SHARE.MOST_BEHIND = 0.001, 10000

-- The first of those that share, its tag, and who comes after it.
function SHARE.first_two(shares)
  local row = call('ZRANGE', shares, 0, 2, 'WITHSCORES')
  local member, tag, rival = row[1], row[2], row[3]
  if member == TURN then
    member, tag, rival = rival, row[4], row[5]
  elseif rival == TURN then
    rival = row[5]
  else
    return member, tag, rival
  end
  -- Nothing is charged from now on to who is alone: it is not behind anybody's turn.
  if not rival then call('ZREM', shares, TURN) end
  return member, tag, rival
end

-- Enters a tenant, or a group, that had nothing waiting. `begins_anew`: whether a debt is forgotten.
function SHARE.join(shares, member, begins_anew)
  local own, row = call('ZSCORE', shares, member), call('ZRANGE', shares, 0, 1, 'WITHSCORES')
  if not row[1] then
    call('ZADD', shares, 0, member)
    return
  end
  local least = tonumber(own and row[1] == TURN and row[4] or row[2])
  if not own or (tonumber(own) > least and begins_anew) then
    call('ZADD', shares, least + SHARE.BEHIND * call('ZCOUNT', shares, least, least + SHARE.BEHIND * SHARE.MOST_BEHIND), member)
  end
end

-- Enters a tenant of which so many tasks have come into an empty line.
function SHARE.join_tenants(queue, tenant, count)
  local found = facts(queue)
  cache.sole[queue] = nil
  local own = call('ZSCORE', found.shares, tenant)
  SHARE.join(found.shares, tenant, own and SHARE.is_back(index_of(tenant, found.type), count))
  SHARE.mark_ready(queue)
end

-- Groups of the type's tenants share from now on.
function SHARE.divide(type_name)
  if not settings(type_name).grouped then
    call('HSET', KEY.limits(type_name), 'grouped', '1')
    clear_cache()
  end
end

-- Enters the group of a tenant. Tasks of no group that came before there were any are one group more.
function SHARE.join_groups(queue, tenant, group)
  local shares, type_name = SHARE.group_shares_of(queue, tenant), type_of(queue)
  if group ~= '' then
    SHARE.divide(type_name)
    if call('EXISTS', SHARE.line_of(queue, tenant, '')) == 1 and not call('ZSCORE', shares, '') then SHARE.join(shares, '') end
  end
  local runs = group ~= '' and call('SCARD', KEY.group_runs(type_name, tenant, group))
    or group == '' and count_in(index_of(tenant, type_name), 'processing')
  SHARE.join(shares, group, runs == 0)
end

-- Does the tenant, of whose tasks `count` have come just now, have nothing else that waits or runs?
function SHARE.is_back(index, count)
  return count_in(index, 'processing') == 0 and count_in(index, 'pending') <= count
end

-- Workers know of the queue.
function SHARE.mark_ready(queue)
  if call('ZADD', READY, facts(queue).level, queue) == 1 then forget_ready() end
end

-- Puts tasks in line, which have one tenant and group: {order, id, ...}.
function SHARE.put_in_line(queue, tenant, group, entries)
  local line, count = SHARE.line_of(queue, tenant, group), #entries / 2
  call('ZADD', line, unpack(entries))
  if call('ZCARD', line) > count then return end
  if group ~= '' or settings(type_of(queue)).grouped then SHARE.join_groups(queue, tenant, group) end
  SHARE.join_tenants(queue, tenant, count)
end

-- Takes a group and a tenant out that have nothing in line any more, and nothing running for which they may owe.
function SHARE.leave(queue, tenant, group)
  local found = facts(queue)
  if call('EXISTS', SHARE.line_of(queue, tenant, group)) == 1 then return end
  if call('EXISTS', KEY.group_runs(found.type, tenant, group)) == 0 then
    call('ZREM', SHARE.group_shares_of(queue, tenant), group)
  end
  if count_in(index_of(tenant, found.type), 'processing') > 0 then return end
  if call('EXISTS', SHARE.line_of(queue, tenant, ''), SHARE.group_shares_of(queue, tenant)) == 0 then
    cache.sole[queue] = nil
    call('ZREM', found.shares, tenant)
  end
end

-- A number for the end of a line: the microsecond, or one more than the last in line where the clock has stepped back.
function SHARE.order_at_end(line, us)
  local last = tonumber(call('ZRANGE', line, -1, -1, 'WITHSCORES')[2]) or 0
  return math.max(us, last + 1)
end

-- Takes a task of which nothing else is known out of its tenant's lines. Where a tenant has more groups than this, claims
-- drop what is gone.
SHARE.MOST_SEARCHED = 100
function SHARE.forget(tenant, type_name, id)
  local capped = call('SRANDMEMBER', KEY.capped_groups(type_name), SHARE.MOST_SEARCHED)
  for _, queue in ipairs(queues_of(type_name)) do
    call('ZREM', SHARE.line_of(queue, tenant, ''), id)
    for _, group in ipairs(call('ZRANGE', SHARE.group_shares_of(queue, tenant), 0, SHARE.MOST_SEARCHED - 1)) do
      call('ZREM', SHARE.line_of(queue, tenant, group), id)
    end
    for _, member in ipairs(capped) do
      local owner, group = string.match(member, '^([^:]*):(.*)$')
      if owner == tenant then call('ZREM', SHARE.line_of(queue, tenant, group), id) end
    end
  end
end

-- The task that would be taken next, or nil. Who has nothing left in line is passed over, so many of them, and stays: when
-- to forget what it owes is for the claims to say that come to it.
SHARE.PASSED_OVER = 20
function SHARE.first_in_line(queue, tenant)
  for _, group in ipairs(call('ZRANGE', SHARE.group_shares_of(queue, tenant), 0, SHARE.PASSED_OVER)) do
    local id = group ~= TURN and call('ZRANGE', SHARE.line_of(queue, tenant, group), 0, 0)[1]
    if id then return id end
  end
  return call('ZRANGE', SHARE.line_of(queue, tenant, ''), 0, 0)[1]
end

function SHARE.whose_turn(queue)
  for _, tenant in ipairs(call('ZRANGE', facts(queue).shares, 0, SHARE.PASSED_OVER)) do
    local id = tenant ~= TURN and SHARE.first_in_line(queue, tenant)
    if id then return id end
  end
  return nil
end

-- How many shares a tenant has of each queue.
function SHARE.weight(tenant)
  if cache.even then return 1 end
  local all = cache.weights
  if all == nil then
    all = little(KEY.weights()) or false
    cache.weights, cache.even = all, all and not next(all)
  end
  return tonumber((all and all[tenant] or not all and call('HGET', KEY.weights(), tenant)) or nil) or 1
end

-- How long tasks of a type take, by tenant, as far as it was read or written lately: {since, life, count, types =
-- {type = {tenant = us}}}. It may be out of date, since what was charged is put right all the same.
local estimates = { since = 0, count = 0, types = {} }
SHARE.MOST_ESTIMATES = 10000

function SHARE.estimates_of(type_name)
  local since = estimates.since
  if now >= since + 100 * CACHED_US or now < since or estimates.life ~= cached_life or estimates.count > SHARE.MOST_ESTIMATES then
    estimates = { since = now, life = cached_life, count = 0, types = {} }
  end
  local known = estimates.types[type_name]
  if not known then
    known = {}
    estimates.types[type_name] = known
  end
  return known
end

function SHARE.remember_estimate(type_name, tenant, us)
  local known = SHARE.estimates_of(type_name)
  if not known[tenant] then estimates.count = estimates.count + 1 end
  known[tenant] = us
end

-- How long a task of the tenant takes, in microseconds: as the last did that were charged, else as its completed ones.
function SHARE.estimate(type_name, tenant)
  local us = SHARE.estimates_of(type_name)[tenant]
  if us then return us end
  local key = KEY.estimates(type_name)
  local f = call('HMGET', key, tenant, '')
  us = f[1] and (tonumber(f[1]) or UNKNOWN_US)
  if not us then
    local sum = tonumber(call('HGET', KEY.durations(tenant), type_name) or nil)
    local count = sum and count_in(index_of(tenant, type_name), 'completed') or 0
    if count == 0 then return tonumber(f[2] or nil) or UNKNOWN_US end
    us = sum / count
    call('HSET', key, tenant, int(us))
  end
  SHARE.remember_estimate(type_name, tenant, us)
  return us
end

-- Charges the start of a task that was taken by its turn, each of its tenant and its group while another waits beside it.
-- Returns what, in whole microseconds and to whom, as `charged` of the task keeps it: '<us>' to both, '<us> t' to the tenant
-- alone, '<us> g' to the group alone; nil when neither has a rival.
function SHARE.charge(queue, turn)
  if turn.alone and not turn.rivals then return nil end
  local found, tenant = facts(queue), turn.tenant
  local us = math.floor(SHARE.estimate(found.type, tenant))
  if not turn.alone then
    call('ZADD', found.shares, turn.tag + us / SHARE.weight(tenant), tenant, turn.tag, TURN)
  end
  if turn.rivals then
    call('ZADD', SHARE.group_shares_of(queue, tenant), turn.group_tag + us, turn.group, turn.group_tag, TURN)
  end
  return int(us) .. (turn.alone and ' g' or not turn.rivals and ' t' or '')
end

-- What a run was charged, in microseconds, and to whom; nil if it was not.
function SHARE.charged(task)
  local us, to = string.match(task.charged or '', '^(%d+) ?([tg]?)$')
  return tonumber(us), to
end

-- Moves a tag, if it is there.
function SHARE.correct(shares, member, delta)
  call('ZADD', shares, 'XX', 'INCR', delta, member)
end

-- Charges a run what it took instead of what it was charged, to those who were.
function SHARE.charge_instead(task, took)
  local us, to = SHARE.charged(task)
  local delta, queue = took - us, task.lifted or task.queue
  if delta == 0 then return end
  if to ~= 'g' then SHARE.correct(facts(queue).shares, task.tenant, delta / SHARE.weight(task.tenant)) end
  if to ~= 't' then SHARE.correct(SHARE.group_shares_of(queue, task.tenant), task.group, delta) end
end

-- With how many tasks the run is worked on together, itself included, as claim_more notes it; nil when it is alone.
function SHARE.batch_of(task)
  if not string.find(task.lease, '+', 1, true) then return nil end
  local size, base = string.match(call('HGET', task.key, 'batch') or '', '^(%d+) (.*)$')
  return base == string.match(task.lease, '^[^+]*') and tonumber(size) or nil
end

-- The microseconds since the run began.
function SHARE.has_run_for(task)
  local took = task.took
  if not took then
    took = math.max(0, now - (task.began or microseconds(task.started_at) or now))
    -- Of a batch each has taken its part.
    local size = SHARE.batch_of(task)
    if size then took = math.floor(took / size) end
    task.took = took
  end
  return took
end

-- A run that goes on is charged at least what it has taken.
function SHARE.charge_so_far(task)
  local charged, to = SHARE.charged(task)
  local took = charged and SHARE.has_run_for(task)
  if not charged or took <= charged then return end
  SHARE.charge_instead(task, took)
  call('HSET', task.key, 'charged', int(took) .. (to ~= '' and ' ' .. to or ''))
end

-- The account of a run that ends. `typical`: others are expected to take as long.
function SHARE.settle(task, typical)
  local charged = SHARE.charged(task)
  if not charged then return end
  local took = math.max(1, SHARE.has_run_for(task)) -- or it would start again before whoever stands behind it at its tag
  SHARE.charge_instead(task, took)
  local error_us = took - charged
  local wrong = error_us < 0 and -error_us or error_us
  if typical and wrong > NEGLIGIBLE_US and wrong > charged / 4 then
    local expected = charged + error_us / 4
    SHARE.remember_estimate(task.type, task.tenant, expected)
    call('HSET', KEY.estimates(task.type), task.tenant, int(expected), '', int(expected))
  end
end
