-- @include caps
-- Tasks that are put aside by whoever runs the system: what a hold matches waits on, outside its line, until the hold is
-- let go. A hold is {type, tenant, group, tag, media_id}, of which those that are given must all fit. What waits when a
-- hold is made is moved step by step (sweep_hold), what comes or is claimed before that at once.
-- To put one aside takes a claim as long as to drop so many ids from a queue.
local HOLD = { as_dropped = 8 }

-- A hold as its record says, nil when that cannot be read or would fit everything.
function HOLD.read(text)
  local read, hold = pcall(cjson.decode, text or '')
  if not read or type(hold) ~= 'table' then return nil end
  return (hold.type or hold.tenant or hold.group or hold.tag or hold.media_id) and hold or nil
end

-- The holds that are in force.
function HOLD.all()
  if not cache.holds then
    cache.holds = {}
    local flat = call('HGETALL', KEY.holds())
    for i = 1, #flat, 2 do
      local hold = HOLD.read(flat[i + 1])
      if hold and not hold.lifted then
        hold.id = flat[i]
        table.insert(cache.holds, hold)
      end
    end
  end
  return cache.holds
end

-- Is there a hold of this id, in force or about to let go what it holds?
function HOLD.exists(id)
  return HOLD.read(call('HGET', KEY.holds(), id)) ~= nil
end

-- Was the task submitted with this tag?
local function has_tag(task, tag)
  local read, tags = pcall(cjson.decode, call('HGET', task.key, 'tags') or '[]')
  for _, each in ipairs(read and tags or {}) do
    if each == tag then return true end
  end
  return false
end

-- Does the payload name the media file? Its id is a UUID, so whatever has it as text does.
local function mentions(task, media_id)
  return string.find(task.payload or call('HGET', task.key, 'payload') or '', media_id, 1, true)
end

-- The id of a hold that a waiting task fits, or nil.
function HOLD.of(task)
  for _, hold in ipairs(HOLD.all()) do
    if (not hold.type or hold.type == task.type) and (not hold.tenant or hold.tenant == task.tenant)
      and (not hold.group or hold.group == task.group) and (not hold.tag or has_tag(task, hold.tag))
      and (not hold.media_id or mentions(task, hold.media_id)) then
      return hold.id
    end
  end
  return nil
end

-- Puts a waiting task, which is in no line, aside; `order` is its number in line.
function HOLD.park(hold, task, order)
  call('ZADD', KEY.held(hold), order, task.id)
  call('HSET', task.key, 'held', hold, 'held_at', now)
end

-- Lets it go, and notes on it from when to when it was held.
function HOLD.unpark(task)
  local f = call('HMGET', task.key, 'held_at', 'held_spans')
  call('HDEL', task.key, 'held', 'held_at')
  task.held = nil
  if f[1] then call('HSET', task.key, 'held_spans', (f[2] and f[2] .. ' ' or '') .. f[1] .. '-' .. int(now)) end
end

-- Takes a task of which nothing else is known out of the hold that it may wait in.
function HOLD.forget(id)
  for _, hold in ipairs(call('HKEYS', KEY.holds())) do call('ZREM', KEY.held(hold), id) end
end
