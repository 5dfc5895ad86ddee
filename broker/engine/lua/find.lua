-- find: looks for a tenant's tasks behind a place, as far as one script may.
-- KEYS[1] prefix
-- ARGV[1] tenant
-- ARGV[2] wanted  JSON, see task_filters.lua
-- ARGV[3] moment  of the place, '' for the beginning
-- ARGV[4] beyond  its id
-- ARGV[5] limit
-- ARGV[6..] fields  of the task hashes to return
-- Returns {1 when there may be more, the place that was come to: at, id (as given, if there was nothing), {id, moment, field values...}, ...}
-- @include task_filters
local from = moment ~= '' and { at = tonumber(moment), id = beyond } or nil
local found, place, _, more = FIND.run(FIND.read(tenant, wanted), from, tonumber(limit))
local reply = { more and 1 or 0, place and FIND.text(place.at) or moment, place and place.id or beyond }
for _, each in ipairs(found) do
  reply[#reply + 1] = { each.id, FIND.text(each.at), call('HMGET', KEY.job(each.id), unpack(fields)) }
end
return reply
