-- note_operation: notes what a step of an operation on videos has done, unless another has noted it already.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] before  the place from which the step went on
-- ARGV[3] after  the place from which the next goes on, '' when there is none
-- ARGV[4] counts  JSON: {examined, matched, done, skipped, failed}
-- ARGV[5] reasons  JSON: why, and how many
-- Returns 1, 0 when it is not at that place any more
-- @include operations
local record = OPERATION.read(id)
if not record or record.state ~= 'running' or record.moment ~= before then return 0 end
for name, count in pairs(cjson.decode(counts)) do
  if count > 0 then call('HINCRBY', record.key, name, count) end
end
for why, count in pairs(cjson.decode(reasons)) do call('HINCRBY', record.key, 'why:' .. string.sub(why, 1, 100), count) end
call('HSET', record.key, 'moment', after)
if after == '' then OPERATION.finish(record, 'completed') end
return 1
