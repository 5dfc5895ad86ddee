-- want_generation: notes which generations live workers make, and decides which one all tenants are to have: the newest of
-- those that were seen lately. One is as new as the first worker that made it; that another starts makes it no newer.
-- KEYS[1] prefix
-- ARGV[1] gone_us  after which a generation that no live worker makes is not waited for any more
-- ARGV[2..] made   generation and where its model is, and so on for each that is made now
-- Returns the wanted generation, or ''
-- @include base
local function number_of(tag)
  return tonumber(string.match(call('HGET', KEY.generations(), tag) or '0', '^%d+'))
end

for i = 1, #made, 2 do
  if call('HEXISTS', KEY.generations(), made[i]) == 0 then
    call('HSET', KEY.generations(), made[i], (call('HLEN', KEY.generations()) + 1) .. ' ' .. made[i + 1])
  else
    call('HSET', KEY.generations(), made[i], number_of(made[i]) .. ' ' .. made[i + 1])
  end
  call('ZADD', KEY.generations_seen(), now, made[i])
end

local before = call('GET', KEY.generation_wanted())
local wanted, newest = before, -1
for _, tag in ipairs(call('ZRANGEBYSCORE', KEY.generations_seen(), now - tonumber(gone_us), '+inf')) do
  if number_of(tag) > newest then wanted, newest = tag, number_of(tag) end
end
if wanted and wanted ~= before then
  call('SET', KEY.generation_wanted(), wanted)
  for _, tenant in ipairs(call('SMEMBERS', KEY.tenants())) do call('ZADD', KEY.generations_due(), now, tenant) end
end
return wanted or ''
