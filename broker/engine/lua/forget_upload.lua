-- forget_upload: ends an upload; its bytes are gone. A repeat changes nothing.
-- KEYS[1] prefix
-- ARGV[1] upload_id
-- ARGV[2] tenant
-- Returns 1
-- @include base
call('DEL', KEY.upload(upload_id))
call('ZREM', KEY.uploads(tenant), upload_id)
call('ZREM', KEY.upload_expiry(), upload_id)
return 1
