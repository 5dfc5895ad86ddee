-- repair_surroundings: puts right what belongs to no single task, if it is still wrong.
-- KEYS[1] prefix
-- ARGV[1] what  ready, sleeper, unique, limits, arrivals, type or durations
-- ARGV[2] subject  a queue, a group of types, a key without the prefix, a type, or a tenant
-- ARGV[3] of  the sleeping worker, or the type of the durations
-- Returns 1 when something changed
-- @include home
if what == 'ready' then
  if call('EXISTS', KEY.rq_queue(subject)) == 0 then return call('ZREM', READY, subject) end
  mark_ready(subject, 1)
  return 1
elseif what == 'sleeper' then
  if call('EXISTS', KEY.worker(of)) == 1 then return 0 end
  call('DEL', KEY.wake(of))
  return call('SREM', KEY.idle(subject), of)
elseif what == 'unique' then
  local task = read_task(call('GET', key_of(subject)) or '')
  if task and not TERMINAL[task.status] then return 0 end
  return call('DEL', key_of(subject))
elseif what == 'limits' then -- the next declaration sets what nobody can read
  clear_cache()
  return call('DEL', KEY.limits(subject))
elseif what == 'arrivals' then
  local last = call('LINDEX', KEY.rq_queue(subject), -1)
  call('HSET', ARRIVALS, subject, int(tonumber(last and call('HGET', KEY.job(last), 'seq') or 0) or 0))
  return 1
elseif what == 'type' then
  return call('SREM', KEY.types(), subject)
end
local key = KEY.durations(subject)
if (tonumber(call('HGET', key, of) or 0) or -1) >= 0 then return 0 end
call('HSET', key, of, 0)
return 1
