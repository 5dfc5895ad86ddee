-- touch_key: notes that an API key is used now, unless it was revoked meanwhile.
-- KEYS[1] prefix
-- ARGV[1] id
-- Returns 1, or 0 when there is no such key
-- @include base
if call('EXISTS', KEY.api_key(id)) == 0 then return 0 end
call('HSET', KEY.api_key(id), 'used_us', int(now))
return 1
