-- rotate_secret: gives an endpoint a new secret. Until the overlap is over, the former one signs as well.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] tenant
-- ARGV[3] secret  a repeat with the same one changes nothing
-- ARGV[4] overlap_us
-- ARGV[5] actor  as audit.lua takes it
-- Returns the moment until which the former secret is used, or '' when the tenant has no such endpoint
-- @include webhooks
if not WEBHOOK.owns(tenant, id) then return '' end
local f = call('HMGET', KEY.webhook(id), 'secret', 'old_until')
if f[1] == secret then return iso(tonumber(f[2])) end
local old_until = now + tonumber(overlap_us)
call('HSET', KEY.webhook(id), 'secret', secret, 'old_secret', f[1], 'old_until', int(old_until))
note_audit(actor, 'webhook.secret_rotated', id, '', cjson.encode({ former_until = iso(old_until) }))
return iso(old_until)
