-- declare: makes a task type known, with the defaults of its queue. A default that was changed since the last
-- declaration takes effect; settings changed at run time stay while the defaults stay.
-- KEYS[1] prefix
-- ARGV[1] type
-- ARGV[2] rate  starts per 1,000 seconds, '' for no limit
-- ARGV[3] burst
-- ARGV[4] concurrency  '' for no limit
-- Returns 1 when something changed
-- @include limits
call('SADD', B .. 'types', type)
local key = limits_key(type)
forget()
local declared = rate .. '/' .. burst .. '/' .. concurrency
if call('HGET', key, 'declared') == declared then return 0 end
local s = limits(type) -- a bucket that is not there starts empty, a changed one settles at its old rate
local level = math.min(s.level, tonumber(burst) * TOKEN)
call('HSET', key, 'declared', declared, 'rate', rate, 'burst', burst, 'concurrency', concurrency,
  'level', level, 'ts', now, 'alarm', 0)
forget()
return 1
