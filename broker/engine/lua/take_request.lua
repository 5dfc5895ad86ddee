-- take_request: counts a request of a tenant that has a quota of them, in a minute that begins with its first.
-- KEYS[1] prefix
-- ARGV[1] tenant
-- ARGV[2] bounds  as in quotas.lua
-- Returns {requests a minute or 0 for no quota, how many are left or -1 for one too many, milliseconds until there are more}
-- @include quotas
local set = QUOTA.of(tenant, bounds)
local most = set and set.requests_per_minute
if not most then return { 0, 0, 0 } end
local key = KEY.requests(tenant)
local left = call('PTTL', key)
if left <= 0 then
  call('SET', key, 0, 'PX', 60000)
  left = 60000
end
local used = tonumber(call('GET', key)) or 0
if used >= most then return { most, -1, left } end
call('INCR', key)
return { most, most - used - 1, left }
