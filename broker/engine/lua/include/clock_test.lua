-- The microsecond that a test says it is.
local function clock()
  return tonumber(redis.call('GET', 'test:now'))
end

-- A test that writes settings itself wants them seen at once.
local KEPT_US = 0
