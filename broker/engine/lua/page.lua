-- page: one page of a tenant's tasks, newest first (ties by id, descending), and how many match, of one moment.
-- KEYS[1] prefix
-- ARGV[1] tenant
-- ARGV[2] statuses  '' for all, else with commas between them
-- ARGV[3] type_names  the same
-- ARGV[4] flow  '' for all; else of any type
-- ARGV[5] first  oldest creation time in microseconds, or -inf
-- ARGV[6] last  newest creation time in microseconds, or +inf
-- ARGV[7] offset
-- ARGV[8] limit
-- ARGV[9..] fields  of the task hashes to return
-- Returns {total, {id, field values...}, ...}
-- @include index
offset, limit = tonumber(offset), tonumber(limit)
first = first == '-inf' and EPOCH or math.max(EPOCH, tonumber(first))
last = last == '+inf' and EPOCH + SPAN - 1 or math.min(EPOCH + SPAN - 1, tonumber(last))

-- Where to look: stretches of indexes, with what their scores add to the time of creation and how many tasks each has.
-- Most are empty.
local parts, total = {}, 0
local indexes = {}
if flow ~= '' then
  indexes[1] = KEY.flow_tasks(tenant, flow)
else
  for each in string.gmatch(type_names, '[^,]+') do indexes[#indexes + 1] = index_of(tenant, each) end
  for i, each in ipairs(type_names == '' and call('SMEMBERS', KEY.types()) or {}) do indexes[i] = index_of(tenant, each) end
end
for _, index in ipairs(indexes) do
  for word, rank in pairs(RANK) do
    if statuses == '' or string.find(',' .. statuses .. ',', ',' .. word .. ',', 1, true) then
      local base = rank * SPAN - EPOCH
      local count = call('ZCOUNT', index, first + base, last + base)
      if count > 0 then parts[#parts + 1] = { index = index, base = base, count = count } end
      total = total + count
    end
  end
end
if offset >= total then return { total } end
-- The rank in its index of a part's newest task.
for _, part in ipairs(parts) do
  part.top = call('ZCOUNT', part.index, '(' .. int(last + part.base), '+inf')
end

-- How many were created after a moment, by part and in all; `more` and `fewer` are bounds, by part.
local function after(moment, more, fewer)
  local counts, sum = {}, 0
  for i, part in ipairs(parts) do
    counts[i] = fewer[i]
    if more[i] > fewer[i] then
      counts[i] = call('ZCOUNT', part.index, '(' .. int(moment + part.base), last + part.base)
    end
    sum = sum + counts[i]
  end
  return counts, sum
end

-- Around the place of the task that has `target` newer ones: a moment with more than that after it, and another (whose
-- number is the third answer) with no more; between them lie few tasks, or a single moment. Looks at a task of the part
-- with the most tasks between them, where it would be if all parts were alike, on the side that is further away. How tasks
-- lie in time does not matter.
local SLACK = 20
local function around(target)
  local low, high, more, fewer, most, least = first, last, {}, {}, total, 0
  for i, part in ipairs(parts) do more[i], fewer[i] = part.count, 0 end
  while most - least > SLACK do
    local widest = 1
    for i = 2, #parts do
      if more[i] - fewer[i] > more[widest] - fewer[widest] then widest = i end
    end
    local part, width, between = parts[widest], more[widest] - fewer[widest], most - least
    local older = most - target > target - least
    local beyond = math.min(math.abs(most + least - 2 * target), between) / 8 + SLACK / 4
    local share = (target - least + (older and beyond or -beyond)) / between
    local rank = part.top + fewer[widest] + math.max(0, math.min(width - 1, math.floor(width * share)))
    local moment = tonumber(call('ZREVRANGE', part.index, rank, rank, 'WITHSCORES')[2]) - part.base
    for _, edge in ipairs(older and { moment, moment - 1 } or { moment - 1, moment }) do
      local counts, sum = after(edge, more, fewer)
      if sum > target then low, more, most = edge, counts, sum else high, fewer, least = edge, counts, sum end
      if most - least < between then break end
    end
    if most - least == between then break end
  end
  return low, high, least
end

-- Merging leaves out what was created after the page (`skipped` tasks) and before it, so that it costs a few counts per
-- part instead of a walk, where there is more to read than that takes.
local MANY = 500
local lower, upper, skipped = first, last, 0
local function many(rows)
  return #parts > 1 and #parts * rows > MANY
end
if many(offset) then
  local _
  _, upper, skipped = around(offset)
end
if many(offset - skipped + limit) and total > offset + limit then lower = around(offset + limit - 1) end

-- A part's tasks, newest first: `id` and `us` of the next, no `id` when there are no more.
local function advance(stream)
  stream.id = stream.rows[stream.at]
  stream.us = stream.id and tonumber(stream.rows[stream.at + 1]) - stream.base
  stream.at = stream.at + 2
end

local found = {}
if #parts == 1 then
  local part = parts[1]
  found = call('ZREVRANGE', part.index, part.top + offset, part.top + math.min(offset + limit, total) - 1)
else
  local before, streams = offset - skipped, {}
  for _, part in ipairs(parts) do
    local rows = call('ZREVRANGEBYSCORE', part.index, upper + part.base, lower + part.base, 'WITHSCORES', 'LIMIT', 0,
      before + limit)
    streams[#streams + 1] = { rows = rows, at = 1, base = part.base }
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
for _, id in ipairs(found) do reply[#reply + 1] = { id, call('HMGET', KEY.job(id), unpack(fields)) } end
return reply
