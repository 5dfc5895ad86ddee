-- lift: moves tasks that have waited for another `aging_seconds` of their type one level up.
-- KEYS[1] prefix
-- ARGV[1] limit  of each type
-- Returns {how many were moved, microseconds until the next is due or -1}
-- @include pending
local moved, earliest = 0, -1

-- Moves it, unless it is held. Returns its level, or nil when it is not to rise again: it stands in the highest, or does
-- not wait.
local function lift(task)
  if not task or task.status ~= 'pending' then return nil end
  local level = facts(LINE.queue_of(task)).level
  if task.held then return level end
  if level >= LEVEL.highest then return nil end
  local order = call('ZSCORE', LINE.of(task), task.id)
  if not order then return nil end
  call('ZREM', LINE.of(task), task.id)
  task.lifted = LEVEL.queue(task.type, level + 1)
  call('HSET', task.key, 'lifted', task.lifted)
  SHARE.put_in_line(task.lifted, task.tenant, task.group, { order, task.id })
  wake(task.type, task.lifted)
  moved = moved + 1
  return level + 1 < LEVEL.highest and level + 1 or nil
end

for _, type_name in ipairs(call('SMEMBERS', KEY.types())) do
  local seconds, key = settings(type_name).aging, KEY.aging(type_name)
  if seconds then
    for _, id in ipairs(call('ZRANGEBYSCORE', key, '-inf', now, 'LIMIT', 0, limit)) do
      if lift(read_task(id)) then call('ZADD', key, now + seconds * 1000000, id) else call('ZREM', key, id) end
    end
    local due = tonumber(call('ZRANGE', key, 0, 0, 'WITHSCORES')[2] or nil)
    if due and (earliest < 0 or due - now < earliest) then earliest = math.max(0, due - now) end
  end
end
return { moved, earliest }
