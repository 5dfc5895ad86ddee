-- @include usage
-- The record of a media file, which comes with its first task: its id, its kind, the microsecond at which it expires or 0,
-- and its fields, as far as they go in a list.

local MEDIA = {}

-- Was the file deleted, or given up as nobody's, while it was uploaded?
function MEDIA.is_buried(media)
  return call('EXISTS', KEY.tombstone(media[1])) == 1
end

function MEDIA.size_of(media, last)
  for i = 4, last, 2 do
    if media[i] == 'size' then return tonumber(media[i + 1]) or 0 end
  end
  return 0
end

-- The bytes of an upload that its record says are still there.
function MEDIA.stored(id)
  local f = call('HMGET', KEY.media(id), 'size', 'source_removed_at')
  return not f[2] and tonumber(f[1] or nil) or 0
end

function MEDIA.write(tenant, media, last, us)
  local before = MEDIA.stored(media[1])
  call('HDEL', KEY.media(media[1]), 'source_removed_at') -- of a record of the same id: its bytes are here again
  call('HSET', KEY.media(media[1]), 'created_at', iso(us), unpack(media, 4, last))
  call('ZADD', KEY.media_index(tenant, media[2]), us, media[1])
  if media[3] ~= '0' then call('ZADD', KEY.media_expiry(), media[3], media[1]) end
  USAGE.upload(tenant, MEDIA.size_of(media, last), before)
end
