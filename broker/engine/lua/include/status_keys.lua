-- @include task
-- Where a task belongs, and what the name of a place (a key without the prefix) tells.
local PLACE = {}

function PLACE.key_of(place)
  return P .. place
end

function PLACE.is_queue(place)
  return string.sub(place, 1, 6) == 'queue:'
end

function PLACE.is_index(place)
  return string.sub(place, 1, 13) == 'broker:tasks:'
end

-- The places that must hold the task, and under which name each does.
function PLACE.home_of(task)
  local id, queue = task.id, task.queue
  local home = { ['broker:tasks:' .. task.tenant .. ':' .. task.type] = id }
  if task.status == 'pending' then
    home['queue:' .. queue] = id
    home[string.sub(LINE.place_of(task), #P + 1)] = id
  elseif task.status == 'processing' then
    home[REGISTRY.processing .. ':' .. queue] = id .. ':' .. task.lease
  elseif REGISTRY[task.status] then
    home[REGISTRY[task.status] .. ':' .. queue] = id
    if task.status == 'scheduled' then home['broker:due'] = id end
  end
  return home
end

-- The queue that a place is about: of an index that of its type, '' where none is told.
function PLACE.queue_of(place)
  local type_name, level = string.match(place, '^broker:waiting:([^:]+):(-?%d+):')
  if type_name then return LEVEL.queue(type_name, tonumber(level)) end
  return string.match(place, '^broker:tasks:[^:]+:(.+)$') or string.sub(place, 1, 7) ~= 'broker:' and string.match(place, '^[^:]+:(.+)$') or ''
end

function PLACE.tenant_of(place)
  return string.match(place, '^broker:tasks:([^:]+)') or string.match(place, '^broker:waiting:[^:]+:-?%d+:([^:]+):') or ''
end
