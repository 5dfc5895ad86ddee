-- The microsecond it is, on the clock that all workers share: the server's own.
local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- How long what seldom changes may be remembered, in microseconds.
local CACHED_US = 100000

-- Milliseconds for which a bucket is kept after it is full again.
local SPARE_MS = 1000

-- So many tasks one script moves because others have ended, 30 to 80 us each; the daemon goes on with the rest.
local MOST_FOLLOWED = 25
