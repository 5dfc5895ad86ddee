-- forget_upload: ends an upload. A repeat changes nothing.
-- KEYS[1] prefix
-- ARGV[1] upload_id
-- ARGV[2] tenant
-- ARGV[3] writer  who has it, or '' for nobody in particular
-- Returns 1, or 0 when it was not the writer's any more
-- @include base
local has = call('HMGET', KEY.upload(upload_id), 'id', 'writer')
if writer ~= '' and has[1] and has[2] ~= writer then return 0 end
call('DEL', KEY.upload(upload_id))
call('ZREM', KEY.uploads(tenant), upload_id)
call('ZREM', KEY.upload_expiry(), upload_id)
return 1
