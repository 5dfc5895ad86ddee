#!lua name=snapshots
-- Puts a database back into a state, and tells what a call has changed of it. It remembers the state between calls.
local open, prefix = {}, ''

local readers = {
  string = function(key) return redis.call('GET', key) end,
  hash = function(key) return redis.call('HGETALL', key) end,
  list = function(key) return redis.call('LRANGE', key, 0, -1) end,
  set = function(key) return redis.call('SMEMBERS', key) end,
  zset = function(key) return redis.call('ZRANGE', key, 0, -1, 'WITHSCORES') end,
  stream = function(key) return redis.call('XRANGE', key, '-', '+') end,
}

local function restore(key)
  if open[key] then redis.call('RESTORE', key, 0, open[key], 'REPLACE') else redis.call('DEL', key) end
end

-- KEYS[1] prefix, ARGV[1] the time, then key and payload of everything below the prefix.
redis.register_function('snapshot_open', function(keys, args)
  prefix = keys[1] .. ':'
  local before = open
  open = {}
  for i = 2, #args, 2 do open[args[i]] = args[i + 1] end
  for key in pairs(before) do if not open[key] then redis.call('DEL', key) end end
  for key, payload in pairs(open) do if before[key] ~= payload then restore(key) end end
  redis.call('SET', 'test:now', args[1])
  return #args
end)

-- Returns {key, payload, type, value} of every key that differs, {key} of one that is gone, and takes the change back.
redis.register_function('snapshot_take', function()
  local changed, there = {}, {}
  redis.call('DEL', 'test:last')
  for _, key in ipairs(redis.call('KEYS', prefix .. '*')) do
    there[key] = true
    local payload = redis.call('DUMP', key)
    if open[key] ~= payload then
      local kind = redis.call('TYPE', key)['ok']
      changed[#changed + 1] = { key, payload, kind, readers[kind](key) }
    end
  end
  for key in pairs(open) do if not there[key] then changed[#changed + 1] = { key } end end
  for _, each in ipairs(changed) do restore(each[1]) end
  return changed
end)
