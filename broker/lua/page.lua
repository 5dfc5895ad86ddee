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

-- Where to look: stretches of indexes, each an index and what its scores add to the time of creation. Most are empty.
local parts, total = {}, 0
for _, each in ipairs(type ~= '' and { type } or call('SMEMBERS', B .. 'types')) do
  local index = index_of(tenant, each)
  for word, rank in pairs(RANK) do
    if status == '' or status == word then
      local base = rank * SPAN - EPOCH
      local matching = call('ZCOUNT', index, first + base, last + base)
      if matching > 0 then parts[#parts + 1] = { index, base } end
      total = total + matching
    end
  end
end
if offset >= total then return { total } end

-- How many were created after `from` and at `to` or before.
local function count(from, to)
  local sum = 0
  for _, part in ipairs(parts) do sum = sum + call('ZCOUNT', part[1], '(' .. int(from + part[2]), to + part[2]) end
  return sum
end

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

-- Merging skips whole stretches of time, so that a page far back costs a few counts per part instead of a walk: the
-- `skipped` tasks that are newer than `upper` lie before the page, and few more do. The search guesses as if tasks had come
-- evenly, and halves in between in case they did not.
local upper, skipped = last, 0
if #parts > 1 and offset > 200 then
  local low, newer_than_low, halve = nil, total, false
  low, upper = extremes()
  while low < upper and offset - skipped > 100 do
    local share = halve and 0.5 or (newer_than_low - offset) / (newer_than_low - skipped)
    local middle = math.min(upper - 1, low + math.floor((upper - low) * share))
    local newer = count(middle, last)
    if newer <= offset then upper, skipped = middle, newer else low, newer_than_low = middle + 1, newer end
    halve = not halve
  end
end

-- A part's tasks, newest first: `id` and `us` of the next, no `id` when there are no more.
local function advance(stream)
  stream.id = stream.rows[stream.at]
  stream.us = stream.id and tonumber(stream.rows[stream.at + 1]) - stream.base
  stream.at = stream.at + 2
end

local found = {}
if #parts == 1 then
  local index, base = parts[1][1], parts[1][2]
  local newer = call('ZCOUNT', index, '(' .. int(last + base), '+inf')
  found = call('ZREVRANGE', index, newer + offset, newer + math.min(offset + limit, total) - 1)
else
  local before, streams = offset - skipped, {}
  for _, part in ipairs(parts) do
    local rows = call('ZREVRANGEBYSCORE', part[1], upper + part[2], first + part[2], 'WITHSCORES', 'LIMIT', 0, before + limit)
    streams[#streams + 1] = { rows = rows, at = 1, base = part[2] }
    advance(streams[#streams])
  end
  for n = 1, math.min(before + limit, total - skipped) do
    local newest
    for _, stream in ipairs(streams) do
      if stream.id and (not newest or stream.us > newest.us or (stream.us == newest.us and stream.id > newest.id)) then
        newest = stream
      end
    end
    if n > before then found[#found + 1] = newest.id end
    advance(newest)
  end
end

local reply = { total }
for _, id in ipairs(found) do reply[#reply + 1] = { id, call('HMGET', P .. 'job:' .. id, unpack(fields)) } end
return reply
