-- @include limits
-- @include caps
-- Waking sleepers. A worker sleeps in exactly one set, that of the combination of types it listens to. For a throttled
-- type that has work, one sleeper (`watcher`) is set to wake when a token is due or before (`alarm`), the others sleep on.

-- The types of a group and the version of each that its workers know, by group, of which there are few.
local types_of_group = {}

local function types_in(group)
  if not types_of_group[group] then
    types_of_group[group] = {}
    for each, version in string.gmatch(group, '([^,@]+)@?(%d*)') do types_of_group[group][each] = tonumber(version) or 1 end
  end
  return types_of_group[group]
end

-- Does the group of types (`A,B@2,C`) hold this one? Then it answers the version.
local function listens(group, type_name)
  return types_in(group)[type_name] or false
end

-- All groups that have ever slept.
local function groups()
  cache.groups = cache.groups or call('HKEYS', KEY.groups())
  return cache.groups
end

-- May tasks wait in a queue, its own or such as have risen into it?
local function waits_in(queue)
  if call('EXISTS', facts(queue).list) == 1 then return true end
  return settings(type_of(queue)).aging and call('EXISTS', facts(queue).shares) == 1
end

-- Are tasks of the type waiting in any of its queues?
local function has_work(type_name)
  for _, queue in ipairs(call('ZRANGE', READY, 0, -1)) do
    if type_of(queue) == type_name and waits_in(queue) then return true end
  end
  return false
end

-- Does a queue begin with a task that needs no token?
local function begins_free(queue)
  local id = SHARE.whose_turn(queue)
  local f = id and call('HMGET', KEY.job(id), 'runs', 'postponed', 'looks')
  return f and looks_for_free(f[1], f[2], f[3]) or false
end

-- Wakes one sleeper of a group. Returns whether there was any.
local function wake_one(group)
  local worker = call('SPOP', KEY.idle(group))
  if not worker then return false end
  call('RPUSH', KEY.wake(worker), '1')
  call('EXPIRE', KEY.wake(worker), 60)
  return true
end

-- Wakes one sleeper to watch for the token of a tenant of the type, if nobody does.
local function wake_to_watch(type_name)
  if (tonumber(call('HGET', KEY.limits(type_name), 'alarm') or nil) or 0) > now then return end
  for _, group in ipairs(groups()) do
    if listens(group, type_name) and wake_one(group) then return end
  end
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
      return wake_one(group)
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
  if settings(type_name).concurrency and has_work(type_name) then wake(type_name) end
end
