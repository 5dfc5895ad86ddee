-- forget_upload: ends an upload. A repeat changes nothing, and gets the same answer for a minute.
-- KEYS[1] prefix
-- ARGV[1] upload_id
-- ARGV[2] tenant
-- ARGV[3] writer  who has it, or '' for nobody in particular
-- Returns 1, or 0 when it was not the writer's any more
-- @include base
local key = KEY.upload(upload_id)
local has = call('HMGET', key, 'writer', 'forgotten_by')
if writer ~= '' then
  if has[2] == writer then return 1 end
  -- What is not there any more may have been completed by another, and its file is not the writer's to remove.
  if has[1] ~= writer then return 0 end
end
call('DEL', key)
if writer ~= '' then
  call('HSET', key, 'forgotten_by', writer)
  call('PEXPIRE', key, 60000)
end
call('ZREM', KEY.uploads(tenant), upload_id)
call('ZREM', KEY.upload_expiry(), upload_id)
return 1
