-- save_upload: keeps what a writer has done, and ends its hold. A repeat changes nothing.
-- KEYS[1] prefix
-- ARGV[1] upload_id
-- ARGV[2] writer
-- ARGV[3] kept_us  from now on, or '' for as long as before
-- ARGV[4] complete  '1' when nothing more is to come
-- ARGV[5..] fields
-- Returns 1, or 0 when it was not the writer's any more
-- @include base
local key = KEY.upload(upload_id)
local f = call('HMGET', key, 'tenant', 'writer', 'saved_by')
if f[3] == writer then return 1 end
if f[2] ~= writer then return 0 end
call('HDEL', key, 'writer', 'held_until_us', 'held_bytes')
call('HSET', key, 'saved_by', writer, unpack(fields))
if fields[1] then call('HDEL', key, 'lost_writers', 'lost_bytes') end
if complete == '1' then
  call('HSET', key, 'complete', 1)
  call('HDEL', key, 'state', 'head')
  call('ZREM', KEY.uploads(f[1]), upload_id)
  call('ZREM', KEY.upload_expiry(), upload_id)
end
if kept_us ~= '' then
  local ends = int(now + tonumber(kept_us))
  call('HSET', key, 'ends_us', ends)
  if complete == '1' then
    call('PEXPIRE', key, int(tonumber(kept_us) / 1000))
  else
    call('ZADD', KEY.upload_expiry(), ends, upload_id)
  end
end
return 1
