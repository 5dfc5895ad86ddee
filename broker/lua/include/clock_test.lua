-- The microsecond that a test says it is.
local function clock()
  return tonumber(redis.call('GET', 'test:now'))
end
