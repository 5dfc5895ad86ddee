-- hold: puts a hold in force; what waits already is moved by sweep_hold.
-- KEYS[1] prefix
-- ARGV[1] hold  its id
-- ARGV[2] record  JSON: type, tenant, group, tag, media_id, reason, created_at
-- Returns 1
-- @include base
call('HSET', KEY.holds(), hold, record)
clear_cache()
return 1
