-- @include base
-- @include status
-- One index per tenant and type: its tasks by status, and within a status by the time of their creation, so that a
-- task cannot be in two statuses and changing it is one command. A score is the status' rank times SPAN and the
-- microseconds since EPOCH (2020), which fit from then until 2055; all scores are whole numbers below 2^53.
local SPAN, EPOCH = 1125899906842624, 1577836800000000

local function index_of(tenant, type_name)
  local indexes = spelled.indexes[tenant]
  local index = indexes and indexes[type_name]
  if index then return index end
  indexes, index = indexes or {}, KEY.index(tenant, type_name)
  spelled.indexes[tenant], indexes[type_name], spelled.count = indexes, index, spelled.count + 1
  return index
end

local function score_of(status, us)
  local since = us - EPOCH
  if since >= 0 and since < SPAN then return RANK[status] * SPAN + since end
  if since < 0 then since = 0 elseif since >= SPAN then since = SPAN - 1 end
  return RANK[status] * SPAN + since
end

-- How many tasks an index holds in a status.
local function count_in(index, status)
  return call('ZCOUNT', index, RANK[status] * SPAN, (RANK[status] + 1) * SPAN - 1)
end

-- How many tasks of an index are WAITING.
local count_waiting
do
  -- Their stretches of scores, {lowest, highest}: one where their ranks are neighbours.
  local stretches = {}
  for i = 1, #STATUSES do -- there is no ipairs() while a library is loaded
    if WAITING[STATUSES[i]] then
      local last = stretches[#stretches]
      if not last or last[2] < (i - 1) * SPAN - 1 then
        last = { (i - 1) * SPAN }
        stretches[#stretches + 1] = last
      end
      last[2] = i * SPAN - 1
    end
  end

  function count_waiting(index)
    local count = 0
    for i = 1, #stretches do count = count + call('ZCOUNT', index, stretches[i][1], stretches[i][2]) end
    return count
  end
end

-- The status in which an index holds a task, or nil.
local function indexed_as(index, id)
  local score = call('ZSCORE', index, id)
  return score and STATUSES[math.floor(tonumber(score) / SPAN) + 1]
end
