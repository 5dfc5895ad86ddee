-- settle_hold: notes that all that waited when a hold was made was looked at.
-- KEYS[1] prefix
-- ARGV[1] hold  its id
-- Returns 1, or 0 when it is not in force any more
-- @include holds
local record = HOLD.read(call('HGET', KEY.holds(), hold))
if not record or record.lifted then return 0 end
if record.settled then return 1 end
record.settled = true
call('HSET', KEY.holds(), hold, cjson.encode(record))
return 1
