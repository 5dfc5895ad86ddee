-- @include task
-- Where a task belongs, and what the name of a place (a key without the prefix) tells.

local function is_queue(place)
  return string.sub(place, 1, 6) == 'queue:'
end

local function is_index(place)
  return string.sub(place, 1, 13) == 'broker:tasks:'
end

-- The places that must hold the task, and under which name each does.
local function home_of(task)
  local id, queue, index = task.id, task.queue, 'broker:tasks:' .. task.tenant
  local home = { [index] = id, [index .. ':' .. task.type] = id }
  if task.status == 'pending' then
    home['queue:' .. queue] = id
  elseif task.status == 'processing' then
    home['wip:' .. queue] = id .. ':' .. task.lease
  elseif RQ_STATUS[task.status] then
    home[RQ_STATUS[task.status] .. ':' .. queue] = id
    if task.status == 'scheduled' then home['broker:due'] = id end
  end
  return home
end

-- The queue that a place is about: of an index that of its type, '' where none is told.
local function queue_of(place)
  return string.match(place, '^broker:tasks:[^:]+:([^:]+)') or string.sub(place, 1, 7) ~= 'broker:' and string.match(place, '^[^:]+:(.+)$') or ''
end

local function tenant_of(place)
  return string.match(place, '^broker:tasks:([^:]+)') or ''
end

-- The score that the task should have in an index that is its home.
local function score_in(place, task)
  local by_type = place == 'broker:tasks:' .. task.tenant .. ':' .. task.type
  return by_type and RANK[task.status] and score_of(task.status, task.us) or tonumber(task.us)
end
