-- The microsecond it is, on the clock that all workers share: the server's own.
local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- How long what seldom changes may be remembered, in microseconds.
local CACHED_US = 100000
