-- begin_request: claims an idempotency key for one request, or tells what became of the first one.
-- KEYS[1] prefix
-- ARGV[1] record  the key of the record
-- ARGV[2] fingerprint  of the request
-- ARGV[3] owner  names this attempt, and is what new ids are made from if it is the first
-- ARGV[4] running_us  how long an attempt may take before another takes its place
-- ARGV[5] kept_seconds
-- Returns {'begun', seed} with the first attempt's name, {'running'}, {'mismatch'} or {'done', status, location, body}
-- @include base
local known = call('HMGET', record, 'fingerprint', 'seed', 'owner', 'until_us', 'status', 'location', 'body')
if known[1] and known[1] ~= fingerprint then return { 'mismatch' } end
if known[5] then return { 'done', known[5], known[6], known[7] } end
-- A repetition after a lost reply comes from the owner itself.
if known[3] ~= owner and tonumber(known[4] or '0') > now then return { 'running' } end
-- An attempt that takes over from a dead one goes on with the first seed, so that it finds what was done already.
local seed = known[2] or owner
call('HSET', record, 'fingerprint', fingerprint, 'seed', seed, 'owner', owner, 'until_us', int(now + tonumber(running_us)))
call('EXPIRE', record, kept_seconds)
return { 'begun', seed }
