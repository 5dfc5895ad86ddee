-- page: one page of a tenant's tasks, newest first (ties by id, descending), and how many match, of one moment.
-- KEYS[1] prefix
-- ARGV[1] tenant
-- ARGV[2] status  '' for all
-- ARGV[3] type  '' for all
-- ARGV[4] first  oldest creation time in microseconds, or -inf
-- ARGV[5] last  newest creation time in microseconds, or +inf
-- ARGV[6] offset
-- ARGV[7] limit
-- ARGV[8..] fields  of the task hashes to return
-- Returns {total, {id, field values...}, ...}
-- @include index
offset, limit = tonumber(offset), tonumber(limit)
first = first == '-inf' and EPOCH or math.max(EPOCH, tonumber(first))
last = last == '+inf' and EPOCH + SPAN - 1 or math.min(EPOCH + SPAN - 1, tonumber(last))

-- Where to look: an index, and what its scores add to the time of creation.
local parts = {}
if status == '' and type == '' then
  parts[1] = { B .. 'tasks:' .. tenant, 0 }
else
  for _, each in ipairs(type ~= '' and { type } or call('SMEMBERS', B .. 'types')) do
    for word, rank in pairs(RANK) do
      if status == '' or status == word then parts[#parts + 1] = { index_of(tenant, each), rank * SPAN - EPOCH } end
    end
  end
end

-- How many were created after `from` (at or after it, with `inclusive`) and at `to` or before.
local function count(from, to, inclusive)
  local sum = 0
  for _, part in ipairs(parts) do
    sum = sum + call('ZCOUNT', part[1], (inclusive and '' or '(') .. int(from + part[2]), to + part[2])
  end
  return sum
end

local total = first <= last and count(first, last, true) or 0
if offset >= total then return { total } end

-- The creation times of the oldest and the newest that match.
local function extremes()
  local low, high
  for _, part in ipairs(parts) do
    local from, to = first + part[2], last + part[2]
    local a = call('ZRANGEBYSCORE', part[1], from, to, 'WITHSCORES', 'LIMIT', 0, 1)[2]
    local z = call('ZREVRANGEBYSCORE', part[1], to, from, 'WITHSCORES', 'LIMIT', 0, 1)[2]
    if a then
      low = math.min(low or math.huge, tonumber(a) - part[2])
      high = math.max(high or 0, tonumber(z) - part[2])
    end
  end
  return low, high
end

-- Merging skips whole stretches of time, so that a page far back costs a few counts per index instead of a walk:
-- everything newer than `upper` lies before the page.
local upper, skipped = last, 0
if #parts > 1 and offset > 200 then
  local low, high = extremes()
  while low < high do -- smallest `low` such that at most `offset` tasks are newer than it
    local middle = math.floor((low + high) / 2)
    if count(middle, last) <= offset then high = middle else low = middle + 1 end
  end
  upper = low
  skipped = count(upper, last)
end

local found = {}
if #parts == 1 then
  local index, base = parts[1][1], parts[1][2]
  local newer = call('ZCOUNT', index, '(' .. int(last + base), '+inf')
  found = call('ZREVRANGE', index, newer + offset, newer + math.min(offset + limit, total) - 1)
else
  local entries = {}
  for _, part in ipairs(parts) do
    local rows = call('ZREVRANGEBYSCORE', part[1], upper + part[2], first + part[2], 'WITHSCORES', 'LIMIT', 0,
      offset - skipped + limit)
    for i = 1, #rows, 2 do entries[#entries + 1] = { rows[i], tonumber(rows[i + 1]) - part[2] } end
  end
  table.sort(entries, function(a, b) return a[2] > b[2] or (a[2] == b[2] and a[1] > b[1]) end)
  for i = offset - skipped + 1, math.min(offset - skipped + limit, #entries) do found[#found + 1] = entries[i][1] end
end

local reply = { total }
for _, id in ipairs(found) do reply[#reply + 1] = { id, call('HMGET', P .. 'job:' .. id, unpack(fields)) } end
return reply
