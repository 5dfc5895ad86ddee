-- prune: removes ended tasks of one queue that are older than the retention.
-- KEYS[1] prefix
-- ARGV[1] queue
-- ARGV[2] status
-- ARGV[3] retention_us
-- ARGV[4] limit
-- Returns how many it removed
-- Moves completed -> none
-- Moves failed -> none
-- Moves cancelled -> none
-- @include task
local registry = KEY.registry(REGISTRY[status], queue)
-- By score, although by rank were cheaper. The answer takes a buffer of 16 KiB, for which glibc's allocator first sorts
-- what was freed before; without it, some calls would have to sort what many have freed.
local oldest = call('ZRANGEBYSCORE', registry, '-inf',
  math.floor((now - tonumber(retention_us) + KEEP_US) / 1000000), 'LIMIT', 0, limit)
for _, id in ipairs(oldest) do
  call('ZREM', registry, id)
  local task = read_task(id)
  if task and task.status == status then
    if status == 'completed' then
      local started, ended = microseconds(task.started_at), microseconds(call('HGET', task.key, 'ended_at'))
      if started and ended then
        call('HINCRBY', KEY.durations(task.tenant), task.type, -math.max(0, ended - started))
      end
    end
    call('ZREM', index_of(task.tenant, task.type), id)
    call('DEL', task.key, KEY.results(id))
  end
end
return #oldest
