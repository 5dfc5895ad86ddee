-- promote: moves scheduled tasks that are due into their queues.
-- KEYS[1] prefix
-- ARGV[1] limit
-- Returns {promoted, microseconds until the next one is due or -1}
-- Moves scheduled -> pending
-- @include task
-- @include wake
local promoted = 0
for _, id in ipairs(call('ZRANGEBYSCORE', B .. 'due', '-inf', now, 'LIMIT', 0, limit)) do
  call('ZREM', B .. 'due', id)
  local task = read_task(id)
  if task then
    call('ZREM', P .. 'scheduled:' .. task.queue, id)
    if task.status == 'scheduled' then
      reindex(task, 'pending')
      call('HSET', task.key, 'status', 'queued', 'enqueued_at', at(), 'seq', next_seq(task.queue))
      append(task)
      wake(task.type)
      announce(task, 'pending')
      promoted = promoted + 1
    end
  end
end
local first = call('ZRANGE', B .. 'due', 0, 0, 'WITHSCORES')
return { promoted, first[2] and math.max(0, first[2] - now) or -1 }
