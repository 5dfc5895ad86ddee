-- repair_surroundings: puts right what belongs to no single task, if it is still wrong.
-- KEYS[1] prefix
-- ARGV[1] what  one of the words below, or durations
-- ARGV[2] subject  a queue, a group of types, a key without the prefix, a type, a media file, a hold, or a tenant
-- ARGV[3] of  the sleeping worker, the type of the durations, a tenant, or tenant:group
-- Returns 1 when something changed
-- @include status_keys
-- @include wake
if what == 'ready' then
  local listed = call('EXISTS', KEY.rq_queue(subject))
  if listed == 0 and call('EXISTS', KEY.shares(subject)) == 0 then
    forget_ready()
    return call('ZREM', READY, subject)
  end
  SHARE.mark_ready(subject)
  if listed == 1 then call('SADD', KEY.rq_queues(), KEY.rq_queue(subject)) end
  return 1
elseif what == 'share' then
  local tenant, group = string.match(of, '^([^:]*):(.*)$')
  if call('EXISTS', SHARE.line_of(subject, tenant, group)) == 0 then return 0 end
  if group ~= '' or settings(type_of(subject)).grouped then SHARE.join_groups(subject, tenant, group) end
  SHARE.join_tenants(subject, tenant, 0)
  wake(type_of(subject), subject)
  return 1
elseif what == 'capped' then
  if CAP.wait(subject, of) then return 0 end
  CAP.let_go(subject, of)
  wake(subject)
  return 1
elseif what == 'capped_group' then
  local tenant, group = string.match(of, '^([^:]*):(.*)$')
  if CAP.group_is_full(subject, tenant, group) then return 0 end
  CAP.let_group_go(subject, tenant, group)
  wake(subject)
  return 1
elseif what == 'weight' or what == 'tenant_limit' then
  clear_cache()
  return call('HDEL', what == 'weight' and KEY.weights() or KEY.tenant_limits(), of)
elseif what == 'hold' then
  clear_cache()
  return HOLD.exists(subject) and 0 or call('HDEL', KEY.holds(), subject)
elseif what == 'sleeper' then
  if call('EXISTS', KEY.worker(of)) == 1 then return 0 end
  call('DEL', KEY.wake(of))
  return call('SREM', KEY.idle(subject), of)
elseif what == 'unique' then
  local task = read_task(call('GET', PLACE.key_of(subject)) or '')
  if task and not TERMINAL[task.status] then return 0 end
  return call('DEL', PLACE.key_of(subject))
elseif what == 'limits' then -- the next declaration sets what nobody can read
  clear_cache()
  return call('DEL', KEY.limits(subject))
elseif what == 'arrivals' then
  local last = call('LINDEX', KEY.rq_queue(subject), -1)
  call('HSET', ARRIVALS, subject, int(tonumber(last and call('HGET', KEY.job(last), 'seq') or 0) or 0))
  return 1
elseif what == 'type' then
  return call('SREM', KEY.types(), subject)
elseif what == 'tombstone' then
  if call('EXISTS', KEY.tombstone(subject)) == 0 then return 0 end
  return call('ZADD', KEY.tombstones(), 'NX', now, subject)
end
local key = KEY.durations(subject)
if (tonumber(call('HGET', key, of) or 0) or -1) >= 0 then return 0 end
call('HSET', key, of, 0)
return 1
