-- @include index
-- Looking at all that waits of a tenant and type, by creation, some of it at a time, while it goes on.
local SWEEP = {}

-- The next pending tasks after a place ('-inf' for the first, else what was answered before), and the place to go on
-- after, '' at the end. Of those with one creation time none is left out, however many they are; some come twice, if the
-- last that was looked at waits no more.
function SWEEP.next(tenant, type_name, after, limit)
  local index, from = index_of(tenant, type_name), 0
  local score, id = string.match(after, '^(%S+) (.+)$')
  if score then
    local there = call('ZSCORE', index, id) == score
    from = there and call('ZRANK', index, id) + 1 or call('ZCOUNT', index, '-inf', '(' .. score)
  end
  local upto = math.min(from + tonumber(limit), count_in(index, 'pending')) - 1
  local rows = upto >= from and call('ZRANGE', index, from, upto, 'WITHSCORES') or {}
  local ids = {}
  for i = 1, #rows, 2 do ids[#ids + 1] = rows[i] end
  return ids, #ids < tonumber(limit) and '' or rows[#rows] .. ' ' .. rows[#rows - 1]
end
