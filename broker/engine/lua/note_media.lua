-- note_media: writes or takes back one note of a media record that is there.
-- KEYS[1] prefix
-- ARGV[1] media_id
-- ARGV[2] tenant
-- ARGV[3] field  of the record's hash
-- ARGV[4] value  JSON, or '' to take it back
-- ARGV[5] family  what the names of such fields begin with
-- ARGV[6] most  fields of the family
-- Returns 1, 0 when there was none to take back, -1 without such a record, -2 when the family is full
-- @include keys
local key = KEY.media(media_id)
if call('HGET', key, 'tenant') ~= tenant then return -1 end
if value == '' then return call('HDEL', key, field) end
if call('HEXISTS', key, field) == 0 then
  local count = 0
  for _, name in ipairs(call('HKEYS', key)) do
    if string.sub(name, 1, #family) == family then count = count + 1 end
  end
  if count >= tonumber(most) then return -2 end
end
call('HSET', key, field, value)
return 1
