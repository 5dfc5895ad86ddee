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
-- @include remove_ended
local registry = KEY.registry(REGISTRY[status], queue)
-- By score, although by rank were cheaper. The answer takes a buffer of 16 KiB, for which glibc's allocator first sorts
-- what was freed before; without it, some calls would have to sort what many have freed.
local oldest = call('ZRANGEBYSCORE', registry, '-inf',
  math.floor((now - tonumber(retention_us) + KEEP_US) / 1000000), 'LIMIT', 0, limit)
local removed = 0
for _, id in ipairs(oldest) do
  local task = read_task(id)
  -- What RQ's own tools call ended, of which our index does not know, is the reconciler's to judge: it may have to run again.
  if not (task and task.status == status and indexed_as(index_of(task.tenant, task.type), id) ~= status) then
    call('ZREM', registry, id)
    removed = removed + 1
    if task and task.status == status then remove_ended(task) end
  end
end
return removed
