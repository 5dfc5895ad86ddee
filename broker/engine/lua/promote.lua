-- promote: moves scheduled tasks that are due into their queues.
-- KEYS[1] prefix
-- ARGV[1] limit
-- Returns {id, type, tenant, trace of each that was moved, microseconds until the next one is due or -1}
-- Moves scheduled -> pending
-- @include pending
local moved = {}
for _, id in ipairs(call('ZRANGEBYSCORE', KEY.due(), '-inf', now, 'LIMIT', 0, limit)) do
  local task = read_task(id)
  if task then unschedule(task) else call('ZREM', KEY.due(), id) end
  if task and task.status == 'scheduled' then
    make_pending(task)
    for _, value in ipairs({ id, task.type, task.tenant, trace_of(task) }) do moved[#moved + 1] = value end
  end
end
local first = call('ZRANGE', KEY.due(), 0, 0, 'WITHSCORES')
return { moved, first[2] and math.max(0, first[2] - now) or -1 }
