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
local P, B = prefix .. ':', prefix .. ':broker:'
local call = redis.call
offset, limit = tonumber(offset), tonumber(limit)

local indexes = {}
if status == '' and type == '' then
  indexes[1] = B .. 'tasks:' .. tenant
else
  local types = type ~= '' and { type } or call('SMEMBERS', B .. 'types')
  local statuses = status ~= '' and { status } or
    { 'pending', 'scheduled', 'processing', 'completed', 'failed', 'cancelled' }
  for _, each in ipairs(types) do
    for _, word in ipairs(statuses) do indexes[#indexes + 1] = B .. 'tasks:' .. tenant .. ':' .. each .. ':' .. word end
  end
end

local function count(from, to)
  local sum = 0
  for _, index in ipairs(indexes) do sum = sum + call('ZCOUNT', index, from, to) end
  return sum
end

-- Merging skips whole stretches of time, so that a page far back costs a few counts per index instead of a walk:
-- everything newer than `upper` lies before the page.
local upper, skipped = last, 0
if #indexes > 1 and offset > 200 then
  local low, high = 0, 0
  for _, index in ipairs(indexes) do
    local a = call('ZRANGEBYSCORE', index, first, last, 'WITHSCORES', 'LIMIT', 0, 1)[2]
    local z = call('ZREVRANGEBYSCORE', index, last, first, 'WITHSCORES', 'LIMIT', 0, 1)[2]
    if a and (low == 0 or tonumber(a) < low) then low = tonumber(a) end
    if z and tonumber(z) > high then high = tonumber(z) end
  end
  if high == 0 then return { 0 } end
  while low < high do -- smallest `low` such that at most `offset` tasks are newer than it
    local middle = math.floor((low + high) / 2)
    if count(string.format('(%.0f', middle), last) <= offset then high = middle else low = middle + 1 end
  end
  upper = string.format('%.0f', low)
  skipped = count('(' .. upper, last)
end

local found = {}
if #indexes == 1 then
  local newer = last == '+inf' and 0 or call('ZCOUNT', indexes[1], '(' .. last, '+inf')
  local total = count(first, last)
  local stop = math.min(offset + limit, total)
  if stop > offset then found = call('ZREVRANGE', indexes[1], newer + offset, newer + stop - 1) end
else
  local entries = {}
  for _, index in ipairs(indexes) do
    local part = call('ZREVRANGEBYSCORE', index, upper, first, 'WITHSCORES', 'LIMIT', 0, offset - skipped + limit)
    for i = 1, #part, 2 do entries[#entries + 1] = { part[i], tonumber(part[i + 1]) } end
  end
  table.sort(entries, function(a, b) return a[2] > b[2] or (a[2] == b[2] and a[1] > b[1]) end)
  for i = offset - skipped + 1, math.min(offset - skipped + limit, #entries) do found[#found + 1] = entries[i][1] end
end

local reply = { count(first, last) }
for _, id in ipairs(found) do reply[#reply + 1] = { id, call('HMGET', P .. 'job:' .. id, unpack(fields)) } end
return reply
