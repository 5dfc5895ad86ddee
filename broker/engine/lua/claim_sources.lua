-- claim_sources: hands out media files whose source may have to go, each to one caller for a while.
-- KEYS[1] prefix
-- ARGV[1] limit
-- ARGV[2] hold_us  after which somebody looks again
-- Returns their {id, tenant, ...}
-- @include base
local claimed = {}
for _, id in ipairs(call('ZRANGEBYSCORE', KEY.sources_due(), '-inf', now, 'LIMIT', 0, limit)) do
  local tenant = call('HGET', KEY.media(id), 'tenant')
  if tenant then
    call('ZADD', KEY.sources_due(), now + tonumber(hold_us), id)
    claimed[#claimed + 1] = id
    claimed[#claimed + 1] = tenant
  else
    call('ZREM', KEY.sources_due(), id)
  end
end
return claimed
