-- settle_generation: what became of a file that was handed out to be embedded anew, where no vectors came.
-- KEYS[1] prefix
-- ARGV[1] tenant
-- ARGV[2] wanted   the generation that it was handed out for
-- ARGV[3] media_id
-- ARGV[4] handed   when it was, in microseconds
-- ARGV[5] failed   why it will never come, or '' to hand it out again
-- Returns 1, or 0 when it is not so any more
-- @include generations
local missing = KEY.generation_missing(tenant)
if call('HGET', KEY.generation(tenant), 'wanted') ~= wanted then return 0 end
if tonumber(call('ZSCORE', missing, media_id) or -1) ~= tonumber(handed) then return 0 end
if failed == '' then
  call('ZADD', missing, 0, media_id)
else
  call('ZREM', missing, media_id)
  call('HSET', KEY.generation_failed(tenant), media_id, failed)
end
GENERATION.look(tenant)
return 1
