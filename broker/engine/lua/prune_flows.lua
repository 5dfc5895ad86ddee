-- prune_flows: removes the records of flows that ended before the retention.
-- KEYS[1] prefix
-- ARGV[1] retention_us
-- ARGV[2] limit
-- Returns how many it removed
-- @include base
local oldest = call('ZRANGEBYSCORE', KEY.flows_ended(), '-inf', now - tonumber(retention_us), 'LIMIT', 0, limit)
for _, name in ipairs(oldest) do
  local tenant, flow = string.match(name, '^([^:]+):(.+)$')
  if tenant then call('UNLINK', KEY.flow(tenant, flow), KEY.flow_tasks(tenant, flow)) end
  call('ZREM', KEY.flows_ended(), name)
end
return #oldest
