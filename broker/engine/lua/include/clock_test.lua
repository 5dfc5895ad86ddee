-- The microsecond that a test says it is.
local function clock()
  return tonumber(redis.call('GET', 'test:now'))
end

-- A test that writes settings itself wants them seen at once.
local CACHED_US = 0

-- It does not want to make dozens to see what is left to the daemon.
local MOST_FOLLOWED = 5
