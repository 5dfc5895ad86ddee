-- read_counts: what was counted of all tasks, to the moment.
-- KEYS[1] prefix
-- Returns {name, count, ...}: names are a type, which may be '', and what was counted
-- @include counts
COUNT.settle()
return call('HGETALL', KEY.counts())
