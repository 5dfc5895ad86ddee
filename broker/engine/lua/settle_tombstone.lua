-- settle_tombstone: says when somebody has to look at what is left of a deleted media file again, if ever.
-- KEYS[1] prefix
-- ARGV[1] media_id
-- ARGV[2] again_us  '' takes the tombstone away: nothing is left, and nothing can come
-- Returns 1
-- @include base
if again_us ~= '' then
  call('ZADD', KEY.tombstones(), 'XX', now + tonumber(again_us), media_id)
else
  call('ZREM', KEY.tombstones(), media_id)
  call('DEL', KEY.tombstone(media_id))
end
return 1
