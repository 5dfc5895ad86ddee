-- end_part: a run has made a part of a shared work, or gives it back.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] execution
-- ARGV[3] lead  as in take_part
-- ARGV[4] part
-- ARGV[5] state  'done', or '' for a part that anybody may make
-- Returns 1, or 0 when the run is over or does not have the part
-- @include task
local key = KEY.parts(lead)
if not owns_run(read_task(id), execution) then return 0 end
if call('HGET', key, part) ~= id .. ' ' .. execution then return call('HGET', key, part) == state and 1 or 0 end
call('HSET', key, part, state)
return 1
