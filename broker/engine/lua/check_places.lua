-- check_places: says what is wrong with the place of some tasks. Changes nothing.
-- KEYS[1] prefix
-- ARGV[1] place  a key without the prefix: does each of its members belong there? '' asks whether tasks are in all their places
-- ARGV[2..] members  of that key, or ids of tasks
-- Returns {member, tenant, queue, what is wrong} for each defect
-- @include spoilt_fields
-- @include status_keys
-- @include waits
local defects, last = {}, nil

local function defect(member, task, text)
  local tenant, queue = PLACE.tenant_of(place), PLACE.queue_of(place)
  if task then tenant, queue = task.tenant, task.queue end
  defects[#defects + 1] = { member, tenant, queue, text }
end

-- Whoever read the place did so a moment ago.
local function still_there(member)
  if PLACE.is_queue(place) then return call('LPOS', PLACE.key_of(place), member) end
  return call('ZSCORE', PLACE.key_of(place), member)
end

local function check_member(member, task)
  local belongs = task and PLACE.home_of(task)[place] == member
  if not belongs and still_there(member) then
    defect(member, task, (task and 'is ' .. task.status or 'is gone') .. ' and stands in ' .. place)
  elseif belongs and PLACE.is_queue(place) then
    local seq = tonumber(call('HGET', task.key, 'seq') or 0) or 0
    if last and seq <= last then defect(member, task, 'stands in ' .. place .. ' twice or out of order') end
    last = seq
  end
end

local function check_task(task)
  local bad = bad_fields(task)
  if #bad > 0 then
    defect(task.id, task, 'holds no value of its kind in ' .. table.concat(bad, ', '))
    return
  end
  for key, name in pairs(PLACE.home_of(task)) do
    local score = not PLACE.is_queue(key) and call('ZSCORE', PLACE.key_of(key), name)
    if score == false and not PLACE.is_queue(key) then
      defect(task.id, task, 'is ' .. task.status .. ' and is not in ' .. key)
    elseif PLACE.is_index(key) and RANK[task.status] and tonumber(score) ~= score_of(task.status, task.us) then
      defect(task.id, task, 'is ' .. task.status .. ' and stands as something else in ' .. key)
    end
  end
  for _, id in ipairs(WAITS.of(task)) do
    local wrong = WAITS.wrong(task, id)
    if wrong then defect(task.id, task, 'waits for task ' .. id .. ', ' .. wrong) end
  end
  if task.status == 'pending' and task.held and not HOLD.exists(task.held) then
    defect(task.id, task, 'is held by hold ' .. task.held .. ', which is gone')
  end
  if not WAITS.in_time(task) then defect(task.id, task, 'is due never and waits for nothing, or the other way round') end
  if not WAITS.in_flow(task) then
    defect(task.id, task, 'is ' .. task.status .. ' and stands as something else in its flow ' .. task.flow)
  end
  if WAITS.lacks_deadline(task) then defect(task.id, task, 'has a deadline that nobody heeds') end
  if not RQ_STATUS[task.status] then defect(task.id, task, 'has the unknown status ' .. task.status) end
  if call('PTTL', task.key) >= 0 then defect(task.id, task, 'expires') end
end

for _, member in ipairs(members) do
  local task = read_task(string.match(member, '^[^:]+'))
  if place ~= '' then
    check_member(member, task)
  elseif task then
    check_task(task)
  end
end
return defects
