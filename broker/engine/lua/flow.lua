-- flow: how many tasks a flow has in each status, of one moment.
-- KEYS[1] prefix
-- ARGV[1] tenant
-- ARGV[2] flow
-- Returns {created_at, ended_at or '', count for each status in the order of their ranks}, or nothing when there is no such flow
-- @include flows
local f = call('HMGET', KEY.flow(tenant, flow), 'created_at', 'ended_at')
if not f[1] then return {} end
local reply, counts = { f[1], f[2] or '' }, FLOW.counts(tenant, flow)
for _, status in ipairs(STATUSES) do reply[#reply + 1] = counts[status] end
return reply
