-- The microsecond at which a test has stopped the clock, else the one it is.
local function clock()
  local stopped = redis.call('GET', 'test:now')
  if stopped then return tonumber(stopped) end
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- The next test begins on an empty server, and must not see what this one has set.
local CACHED_US = 0

-- Keys expire by the server's clock, which goes on.
local SPARE_MS = 86400000

local MOST_FOLLOWED = 25
