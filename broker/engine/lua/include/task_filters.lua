-- @include failures
-- @include index
-- @include tags
-- Looking for a tenant's tasks: in the order of their creation, or of their end, from a place on, and as far as one script
-- may. A place is the moment and the id of a task, which never change while it is there: whatever comes, goes or changes its
-- status meanwhile, what is read from a place on is what stands behind it.
--
-- Where to look is the smallest there is: given ids, the index of a tag, of a flow, or those of types and statuses. What
-- these do not tell is looked for in the tasks' hashes, of which one script reads so many.
local FIND = { look = 300, bytes = 1000000, chunk = 50 }

-- What it takes to ask this of a task, where that is more than to read a field: 300 take two to three milliseconds.
FIND.costs = { failure = 3, media_id = 1.5, tag = 1.5 }

-- What must be so of a task beside its status, type and time: the field of its hash, and what is asked of its value.
FIND.asked = {
  group = { 'group', function(value, wanted) return value == wanted end },
  unique_key = { 'unique', function(value, wanted) return value == wanted end },
  error = { 'error', function(value, wanted) return value and string.find(string.lower(value), wanted, 1, true) end },
  tag = { 'tags', function(value, wanted)
    for _, tag in ipairs(value and string.find(value, '[', 1, true) and TAG.list(value) or {}) do
      if tag == wanted then return true end
    end
  end },
  media_id = { 'payload', function(value, wanted)
    local text = string.lower(value or '')
    return string.find(text, wanted, 1, true) or string.find(text, (string.gsub(wanted, '-', '')), 1, true)
  end },
}

function FIND.set(list)
  local found = {}
  for _, each in ipairs(list) do found[each] = true end
  return found
end

-- What is wanted, from JSON: {statuses, types, ids, flow, tag, group, media_id, error, unique_key, failure, first, last
-- (creation), ended, up}, all but `statuses` if it is asked for. `ended`: in the order of their end; `up`: oldest first.
function FIND.read(tenant, text)
  local what = cjson.decode(text)
  what.tenant, what.is_status, what.is_type = tenant, FIND.set(what.statuses), what.types and FIND.set(what.types)
  what.first = math.max(EPOCH, what.first or EPOCH)
  what.last = math.min(EPOCH + SPAN - 1, what.last or EPOCH + SPAN - 1)
  if what.error then what.error = string.lower(what.error) end
  what.fields, what.tests = { 'status', 'origin', 'tenant', 'us' }, {}
  for name, pair in pairs(FIND.asked) do
    if what[name] then
      what.fields[#what.fields + 1] = pair[1]
      what.tests[#what.tests + 1] = { pair[2], what[name] }
    end
  end
  if what.failure then what.fields[#what.fields + 1] = 'error' end
  -- Does its place not tell whether a task is wanted?
  what.looks = #what.tests > 0 or what.failure or what.ids or what.ended or (what.flow and what.types) or false
  return what
end

-- Is this task wanted? And how many bytes had to be read for that.
function FIND.fits(what, id)
  local f = call('HMGET', KEY.job(id), unpack(what.fields))
  local status, us, bytes = STATUS[f[1] or ''] or f[1], tonumber(f[4] or nil), 0
  if not (status and f[2] and us) or f[3] ~= what.tenant then return false, 0 end
  for i = 5, #f do bytes = bytes + #(f[i] or '') end
  if not what.is_status[status] or (what.is_type and not what.is_type[type_of(f[2])]) or us < what.first or us > what.last then
    return false, bytes
  end
  for i, test in ipairs(what.tests) do
    if not test[1](f[4 + i], test[2]) then return false, bytes end
  end
  local message = f[#f]
  return not what.failure or (message and FAILURE.id_of(type_of(f[2]), message) == what.failure or false), bytes
end

-- A score as text, with all its digits.
function FIND.text(number)
  return string.format('%.17g', number)
end

-- A stretch of a sorted set, from `low` to `high` of its scores, which are `base` more than moments: how many tasks it has
-- behind a place (`from`), and the rank of the first in the order of reading. Nothing when it has none.
function FIND.stretch(what, from, key, base, low, high)
  local edge = from and from.at + base
  if edge and what.up then low = math.max(low, edge) elseif edge then high = math.min(high, edge) end
  local left = low <= high and call('ZCOUNT', key, FIND.text(low), FIND.text(high)) or 0
  if left == 0 then return nil end
  local rank = what.up and call('ZCOUNT', key, '-inf', '(' .. FIND.text(low)) or call('ZCOUNT', key, '(' .. FIND.text(high), '+inf')
  local command = what.up and 'ZRANGE' or 'ZREVRANGE'
  if edge and (what.up and low or high) == edge then
    -- Of those of the same moment, those up to the id were read.
    local passed, rest = 0, call('ZCOUNT', key, FIND.text(edge), FIND.text(edge))
    while passed < rest do
      local middle = math.floor((passed + rest) / 2)
      local id = call(command, key, rank + middle, rank + middle)[1]
      if what.up and id <= from.id or not what.up and id >= from.id then passed = middle + 1 else rest = middle end
    end
    rank, left = rank + passed, left - passed
  end
  return left > 0 and { key = key, base = base, rank = rank, left = left, command = command, rows = {}, i = 1 } or nil
end

-- How many tasks stand in the stretches of indexes that types and statuses name.
function FIND.indexed(what)
  local places, sum = {}, 0
  local keys = { what.flow and KEY.flow_tasks(what.tenant, what.flow) }
  for i, name in ipairs(what.flow and {} or what.types or call('SMEMBERS', KEY.types())) do keys[i] = index_of(what.tenant, name) end
  for _, key in ipairs(keys) do
    for _, status in ipairs(what.statuses) do
      local base = RANK[status] * SPAN - EPOCH
      local low, high = what.first + base, what.last + base
      local count = call('ZCOUNT', key, low, high)
      if count > 0 then places[#places + 1] = { key, base, low, high } end
      sum = sum + count
    end
  end
  return places, sum
end

-- RQ's registries of what has ended, which is in the order of that.
function FIND.ends(what)
  local places = {}
  for _, name in ipairs(what.types or call('SMEMBERS', KEY.types())) do
    for _, queue in ipairs(queues_of(name)) do
      for status in pairs(TERMINAL) do
        if what.is_status[status] then places[#places + 1] = { KEY.registry(REGISTRY[status], queue), 0, -math.huge, math.huge } end
      end
    end
  end
  return places
end

-- The given ids as a stretch that is read already.
function FIND.named(what, from)
  local rows = {}
  for _, id in ipairs(what.ids) do
    local us = tonumber(call('HGET', KEY.job(id), 'us') or nil)
    local behind = us and (not from or (us == from.at and (what.up and id > from.id or not what.up and id < from.id))
      or (us ~= from.at and (us > from.at) == what.up))
    if behind then rows[#rows + 1] = { id, us } end
  end
  table.sort(rows, function(one, other)
    if one[2] ~= other[2] then return (one[2] < other[2]) == what.up end
    if one[1] == other[1] then return false end
    return (one[1] < other[1]) == what.up
  end)
  local flat = {}
  for _, row in ipairs(rows) do
    flat[#flat + 1] = row[1]
    flat[#flat + 1] = row[2]
  end
  return { base = 0, rows = flat, i = 1, left = 0 }
end

-- Where to look, and how many tasks may have to be looked at.
function FIND.places(what)
  if what.ended then return FIND.ends(what) end
  local places, sum = FIND.indexed(what)
  if what.tag then
    local tagged = KEY.tagged(what.tenant, what.tag)
    local count = call('ZCOUNT', tagged, what.first, what.last)
    if count < sum then return { { tagged, 0, what.first, what.last } }, count end
  end
  return places, sum
end

-- The next task of a stretch: its `id` and moment `at`, no id at the end.
function FIND.advance(stretch)
  if stretch.i > #stretch.rows and stretch.left > 0 then
    local count = math.min(stretch.left, FIND.chunk)
    stretch.rows, stretch.i = call(stretch.command, stretch.key, stretch.rank, stretch.rank + count - 1, 'WITHSCORES'), 1
    stretch.rank, stretch.left = stretch.rank + count, stretch.left - count
  end
  stretch.id = stretch.rows[stretch.i]
  stretch.at = stretch.id and tonumber(stretch.rows[stretch.i + 1]) - stretch.base
  stretch.i = stretch.i + 2
end

-- The stretches with something behind a place, each at its first.
function FIND.begin(what, from)
  local open = {}
  if what.ids then
    open[1] = FIND.named(what, from)
  else
    for _, place in ipairs((FIND.places(what))) do
      local low, high = math.max(place[3], -2 ^ 60), math.min(place[4], 2 ^ 60)
      open[#open + 1] = FIND.stretch(what, from, place[1], place[2], low, high)
    end
  end
  for _, stretch in ipairs(open) do FIND.advance(stretch) end
  return open
end

-- Which stretch is next, nil at the end of all.
function FIND.next(what, open)
  local best
  for _, each in ipairs(open) do
    if each.id and (not best or (each.at == best.at and (each.id > best.id) ~= what.up)
      or (each.at ~= best.at and (each.at > best.at) ~= what.up)) then best = each end
  end
  return best
end

-- At most `most` tasks that are wanted behind a place (nil for the beginning), as places themselves, the place that was come to (nil when
-- nothing was looked at), how many were looked at, and whether there may be more.
function FIND.run(what, from, most)
  what.up = what.up or false
  local open, found, place, looked, cost = FIND.begin(what, from), {}, nil, 0, 0
  -- To choose among many takes time, too.
  local each_costs = (what.looks and 1 or 0.1) + #open / 50
  for name, more in pairs(FIND.costs) do
    if what[name] then each_costs = each_costs + more end
  end
  local last_id
  while true do
    local stretch = FIND.next(what, open)
    if not stretch then return found, place, looked, false end
    if #found >= most or cost >= FIND.look then return found, place, looked, true end
    local id, fits, bytes = stretch.id, true, 0
    place, looked = { at = stretch.at, id = id }, looked + 1
    if what.looks then fits, bytes = FIND.fits(what, id) end
    if fits and id ~= last_id then found[#found + 1] = place end
    cost, last_id = cost + each_costs + bytes * FIND.look / FIND.bytes, id
    FIND.advance(stretch)
  end
end
