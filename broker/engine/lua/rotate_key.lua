-- rotate_key: gives an API key a new secret. Until the overlap is over, the former one is valid too.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] digest  of the new text; a repeat with the same one changes nothing
-- ARGV[3] overlap_us
-- ARGV[4] actor  as audit.lua takes it
-- Returns the microsecond until which the former secret is valid, or '' when there is no such key
-- @include api_keys
local key = KEY.api_key(id)
local f = call('HMGET', key, 'digest', 'rotated_us', 'former_until')
if not f[1] then return '' end
if f[1] == digest then return f[3] or f[2] end
local former_until = int(now + tonumber(overlap_us))
call('HSET', key, 'digest', digest, 'rotated_us', int(now))
if tonumber(overlap_us) > 0 then
  call('HSET', key, 'former', f[1], 'former_until', former_until)
else
  call('HDEL', key, 'former', 'former_until')
end
local function moment(us) return us and iso(tonumber(us)) or cjson.null end
note_audit(actor, 'key.rotated', id, cjson.encode({ rotated_at = moment(f[2]), former_until = moment(f[3]) }),
  cjson.encode({ rotated_at = at(), former_until = moment(former_until) }))
return former_until
