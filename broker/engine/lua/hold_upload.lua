-- hold_upload: makes a writer the only one of an upload for a while, or for a while more. One that is taken for dead may
-- only stand still: what it may still write is added up until a writer has saved something.
-- KEYS[1] prefix
-- ARGV[1] upload_id
-- ARGV[2] tenant
-- ARGV[3] writer
-- ARGV[4] hold_us
-- ARGV[5] size  in bytes, of what it brings
-- ARGV[6] again  '1' for a while more, which only the writer gets that still has it
-- Returns {1, field, value, ...}, {-1, microseconds for which another one has it}, or {0} when the tenant has no such upload
-- @include base
local key = KEY.upload(upload_id)
local f = call('HMGET', key, 'tenant', 'writer', 'held_until_us')
if f[1] ~= tenant then return { 0 } end
local left = tonumber(f[3] or '0') - now
if f[2] ~= writer then
  if again == '1' or (f[2] and left > 0) then return { -1, int(math.max(left, 0)) } end
  if f[2] then
    call('HINCRBY', key, 'lost_writers', 1)
    call('HINCRBY', key, 'lost_bytes', call('HGET', key, 'held_bytes') or 0)
  end
  call('HSET', key, 'writer', writer, 'held_bytes', size)
end
call('HSET', key, 'held_until_us', int(now + tonumber(hold_us)))
return { 1, unpack(call('HGETALL', key)) }
