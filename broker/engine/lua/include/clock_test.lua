-- The microsecond that a test says it is.
local function clock()
  return tonumber(redis.call('GET', 'test:now'))
end

-- A test that writes settings itself wants them seen at once.
local CACHED_US = 0

-- Keys expire by the server's clock, which goes on while a test's stands still.
local SPARE_MS = 86400000

-- It does not want to make dozens to see what is left to the daemon.
local MOST_FOLLOWED = 5
