-- census: how many tasks of a type RQ's lists and registries hold, and how many our indexes do, of one moment.
-- KEYS[1] prefix
-- ARGV[1] type_name
-- Returns {status, in RQ's structures, in our indexes, ...} for every status
-- @include index
local tenants = call('SMEMBERS', KEY.tenants())
local reply = {}
for _, status in ipairs(STATUSES) do
  local theirs, ours = 0, 0
  for _, queue in ipairs(queues_of(type_name)) do
    if status == 'pending' then
      theirs = theirs + call('LLEN', KEY.rq_queue(queue))
    else
      theirs = theirs + call('ZCARD', KEY.registry(REGISTRY[status], queue))
    end
  end
  for _, tenant in ipairs(tenants) do ours = ours + count_in(index_of(tenant, type_name), status) end
  reply[#reply + 1] = status
  reply[#reply + 1] = theirs
  reply[#reply + 1] = ours
end
return reply
