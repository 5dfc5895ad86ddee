-- begin_aging: has tasks that wait grow older which do not yet: of one tenant and type, by creation.
-- KEYS[1] prefix
-- ARGV[1] tenant
-- ARGV[2] type_name
-- ARGV[3] after  as it was answered before, or -inf
-- ARGV[4] limit
-- Returns where to go on after, or '' at the end
-- @include sweeping
-- @include limits
local seconds = settings(type_name).aging
if not seconds then return '' end
local ids, place = SWEEP.next(tenant, type_name, after, limit)
for _, id in ipairs(ids) do call('ZADD', KEY.aging(type_name), 'NX', now + seconds * 1000000, id) end
return place
