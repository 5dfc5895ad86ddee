-- mend: puts right what belongs to no single task, if it is still wrong.
-- KEYS[1] prefix
-- ARGV[1] what  ready, sleeper, unique or durations
-- ARGV[2] subject  a queue, a group of types, a key without the prefix, or a tenant
-- ARGV[3] of  the sleeping worker, or the type of the durations
-- Returns 1 when something changed
-- @include task
if what == 'ready' then
  if call('EXISTS', P .. 'queue:' .. subject) == 0 then return 0 end
  filled(subject, 1)
  return 1
elseif what == 'sleeper' then
  if call('EXISTS', P .. 'worker:' .. of) == 1 then return 0 end
  call('DEL', B .. 'wake:' .. of)
  return call('SREM', B .. 'idle:' .. subject, of)
elseif what == 'unique' then
  local task = read_task(call('GET', P .. subject) or '')
  if not (task and TERMINAL[task.status]) then return 0 end
  return call('DEL', P .. subject)
end
local key = B .. 'durations:' .. subject
if tonumber(call('HGET', key, of) or 0) >= 0 then return 0 end
call('HSET', key, of, 0)
return 1
