-- @include task
-- Where a task belongs, and what the name of a place (a key without the prefix) tells.

local function key_of(place)
  return P .. place
end

local function is_queue(place)
  return string.sub(place, 1, 6) == 'queue:'
end

local function is_index(place)
  return string.sub(place, 1, 13) == 'broker:tasks:'
end

-- The places that must hold the task, and under which name each does.
local function home_of(task)
  local id, queue = task.id, task.queue
  local home = { ['broker:tasks:' .. task.tenant .. ':' .. task.type] = id }
  if task.status == 'pending' then
    home['queue:' .. queue] = id
  elseif task.status == 'processing' then
    home[REGISTRY.processing .. ':' .. queue] = id .. ':' .. task.lease
  elseif REGISTRY[task.status] then
    home[REGISTRY[task.status] .. ':' .. queue] = id
    if task.status == 'scheduled' then home['broker:due'] = id end
  end
  return home
end

-- The queue that a place is about: of an index that of its type, '' where none is told.
local function queue_of(place)
  return string.match(place, '^broker:tasks:[^:]+:(.+)$') or string.sub(place, 1, 7) ~= 'broker:' and string.match(place, '^[^:]+:(.+)$') or ''
end

local function tenant_of(place)
  return string.match(place, '^broker:tasks:([^:]+)') or ''
end
