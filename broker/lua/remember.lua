-- remember: keeps a handler's notes for later runs of its task.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] execution
-- ARGV[3] memo
-- Returns 1, or 0 when the run is over
-- @include base
local key = P .. 'job:' .. id
if call('HGET', key, 'lease') ~= execution then return 0 end
call('HSET', key, 'memo', memo)
return 1
