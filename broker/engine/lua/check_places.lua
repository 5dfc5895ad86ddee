-- check_places: says what is wrong with the place of some tasks. Changes nothing.
-- KEYS[1] prefix
-- ARGV[1] place  a key without the prefix: does each of its members belong there? '' asks whether tasks are in all their places
-- ARGV[2..] members  of that key, or ids of tasks
-- Returns {member, tenant, queue, what is wrong} for each defect
-- @include spoilt_fields
-- @include home
local defects, last = {}, nil

local function defect(member, task, text)
  local tenant, queue = tenant_of(place), queue_of(place)
  if task then tenant, queue = task.tenant, task.queue end
  defects[#defects + 1] = { member, tenant, queue, text }
end

-- Whoever read the place did so a moment ago.
local function still_there(member)
  if is_queue(place) then return call('LPOS', key_of(place), member) end
  return call('ZSCORE', key_of(place), member)
end

local function check_member(member, task)
  local belongs = task and home_of(task)[place] == member
  if not belongs and still_there(member) then
    defect(member, task, (task and 'is ' .. task.status or 'is gone') .. ' and stands in ' .. place)
  elseif belongs and is_queue(place) then
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
  for key, name in pairs(home_of(task)) do
    local score = not is_queue(key) and call('ZSCORE', key_of(key), name)
    if score == false and not is_queue(key) then
      defect(task.id, task, 'is ' .. task.status .. ' and is not in ' .. key)
    elseif is_index(key) and RANK[task.status] and tonumber(score) ~= score_of(task.status, task.us) then
      defect(task.id, task, 'is ' .. task.status .. ' and stands as something else in ' .. key)
    end
  end
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
