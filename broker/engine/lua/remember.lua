-- remember: keeps a handler's notes for later runs of its task.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] execution
-- ARGV[3] memo
-- Returns 1, or 0 when the run is over
-- @include base
local key = P .. 'job:' .. id
local f = call('HMGET', key, 'lease', 'status')
if f[1] ~= execution or f[2] ~= 'started' then return 0 end
call('HSET', key, 'memo', memo)
return 1
