-- census: how many tasks of a type RQ's lists and registries hold, and how many our indexes do, of one moment.
-- KEYS[1] prefix
-- ARGV[1] type
-- Returns {status, in RQ's structures, in our indexes, ...} for every status, and for processing also the leases
local P, B = prefix .. ':', prefix .. ':broker:'
local call = redis.call
local REGISTRY = { scheduled = 'scheduled', processing = 'wip', completed = 'finished', failed = 'failed', cancelled = 'canceled' }
local tenants = call('SMEMBERS', B .. 'tenants')
local reply = {}
for _, status in ipairs({ 'pending', 'scheduled', 'processing', 'completed', 'failed', 'cancelled' }) do
  local theirs, ours = 0, 0
  for priority = 0, 10 do
    local queue = priority == 0 and type or type .. ':' .. priority
    if status == 'pending' then
      theirs = theirs + call('LLEN', P .. 'queue:' .. queue)
    else
      theirs = theirs + call('ZCARD', P .. REGISTRY[status] .. ':' .. queue)
    end
  end
  for _, tenant in ipairs(tenants) do
    ours = ours + call('ZCARD', B .. 'tasks:' .. tenant .. ':' .. type .. ':' .. status)
  end
  reply[#reply + 1] = status
  reply[#reply + 1] = theirs
  reply[#reply + 1] = ours
  if status == 'processing' then
    reply[#reply + 1] = status
    reply[#reply + 1] = call('ZCARD', B .. 'leases:' .. type)
    reply[#reply + 1] = ours
  end
end
return reply
