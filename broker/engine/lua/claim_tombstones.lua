-- claim_tombstones: hands out deleted media files of which something may be left, each to one caller for a while.
-- KEYS[1] prefix
-- ARGV[1] limit
-- ARGV[2] hold_us  after which somebody else gets them, should this caller die
-- Returns {id, tenant, microseconds since its deletion, ...}
-- @include base
local claimed = {}
for _, id in ipairs(call('ZRANGEBYSCORE', KEY.tombstones(), '-inf', now, 'LIMIT', 0, limit)) do
  local f = call('HMGET', KEY.tombstone(id), 'tenant', 'at')
  if f[1] then
    call('ZADD', KEY.tombstones(), now + tonumber(hold_us), id)
    for _, value in ipairs({ id, f[1], math.max(0, now - (tonumber(f[2]) or now)) }) do claimed[#claimed + 1] = value end
  else
    call('ZREM', KEY.tombstones(), id)
  end
end
return claimed
