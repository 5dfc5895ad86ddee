-- @include limits
-- Waking sleepers. A worker sleeps in exactly one set, that of the combination of types it listens to. For a throttled
-- type that has work, one sleeper (`watcher`) is set to wake when a token is due or before (`alarm`), the others sleep on.

-- The types of a group as a set, by group, of which there are few.
local types_of_group = {}

-- Does the comma-separated group of types hold this one?
local function listens(group, type_name)
  if not types_of_group[group] then
    types_of_group[group] = {}
    for each in string.gmatch(group, '[^,]+') do types_of_group[group][each] = true end
  end
  return types_of_group[group][type_name] or false
end

-- All groups that have ever slept.
local function groups()
  cache.groups = cache.groups or call('HKEYS', KEY.groups())
  return cache.groups
end

-- Are tasks of the type waiting in any of its queues?
local function has_work(type_name)
  for _, queue in ipairs(call('ZRANGE', READY, 0, -1)) do
    if type_of(queue) == type_name and call('EXISTS', facts(queue).list) == 1 then return true end
  end
  return false
end

-- Wakes one sleeper that listens to the type, if a task could start now or nobody watches for its next token. `queue`: the
-- one in which a task may need none.
local function wake(type_name, queue)
  for _, group in ipairs(groups()) do
    if listens(group, type_name) and call('SCARD', KEY.idle(group)) > 0 then
      local s = limits(type_name)
      local wait = wait_for(s)
      local watched = wait and wait > 0 and s.alarm > now
      if not wait or (watched and not (queue and begins_free(queue))) or suspended() then return false end
      local worker = call('SPOP', KEY.idle(group))
      call('RPUSH', KEY.wake(worker), '1')
      call('EXPIRE', KEY.wake(worker), 60)
      return true
    end
  end
  return false
end

-- After the limits of a type have changed: everybody who can start one of its tasks now, or one to watch for its token.
local function wake_for_change(type_name)
  for _, queue in ipairs(queues_of(type_name)) do
    for _ = 1, math.min(100, call('LLEN', facts(queue).list)) do
      if not wake(type_name) or wait_for(limits(type_name)) ~= 0 then return end
    end
  end
end

-- After a slot of a type with a concurrency cap was freed: somebody may have slept because of the cap.
local function wake_for_slot(type_name)
  if limits(type_name).concurrency and has_work(type_name) then wake(type_name) end
end
