-- tidy_tag: takes out of the index of a tag what a foreign hand has deleted; our own scripts leave nothing there.
-- KEYS[1] prefix
-- ARGV[1] tenant
-- ARGV[2] tag
-- ARGV[3] rank  of the first to look at
-- ARGV[4] limit
-- Returns {rank to go on at or -1 at the end, how many were taken out}
-- @include tags
local first, gone = tonumber(rank), {}
local ids = call('ZRANGE', KEY.tagged(tenant, tag), first, first + tonumber(limit) - 1)
for _, id in ipairs(ids) do
  if call('EXISTS', KEY.job(id)) == 0 then gone[#gone + 1] = id end
end
if #gone > 0 then TAG.drop(tenant, tag, unpack(gone)) end
return { #ids < tonumber(limit) and -1 or first + #ids - #gone, #gone }
