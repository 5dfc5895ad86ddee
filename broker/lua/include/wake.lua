-- @include limits
-- Waking sleepers. A worker sleeps in exactly one set, that of the combination of types it listens to.

-- Does the comma-separated group of types hold this one?
local function listens(group, type)
  return string.find(',' .. group .. ',', ',' .. type .. ',', 1, true) ~= nil
end

-- Wakes one sleeper that listens to the type, if a task could start now or nobody is set to wake for its next token.
local function wake(type)
  for _, group in ipairs(call('HKEYS', B .. 'groups')) do
    if listens(group, type) and call('SCARD', B .. 'idle:' .. group) > 0 then
      local s = limits(type)
      local wait = wait_for(s)
      if not wait or (wait > 0 and s.alarm >= now) then return false end
      local worker = call('SPOP', B .. 'idle:' .. group)
      call('RPUSH', B .. 'wake:' .. worker, '1')
      call('EXPIRE', B .. 'wake:' .. worker, 60)
      return true
    end
  end
  return false
end

-- After a slot of a type with a concurrency cap was freed: somebody may have slept because of the cap.
local function wake_for_slot(type)
  if limits(type).concurrency then wake(type) end
end
