-- promote: moves scheduled tasks that are due into their queues.
-- KEYS[1] prefix
-- ARGV[1] limit
-- Returns {promoted, microseconds until the next one is due or -1}
-- Moves scheduled -> pending
-- @include pending
local promoted = 0
for _, id in ipairs(call('ZRANGEBYSCORE', KEY.due(), '-inf', now, 'LIMIT', 0, limit)) do
  local task = read_task(id)
  if task then unschedule(task) else call('ZREM', KEY.due(), id) end
  if task and task.status == 'scheduled' then
    make_pending(task)
    promoted = promoted + 1
  end
end
local first = call('ZRANGE', KEY.due(), 0, 0, 'WITHSCORES')
return { promoted, first[2] and math.max(0, first[2] - now) or -1 }
