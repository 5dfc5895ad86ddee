-- @include base
-- The settings of a type and its token bucket, in integers: a rate of r starts a second is r * 1000 here, the level
-- counts nano-tokens, so that one microsecond adds exactly `rate` and one start costs TOKEN.
-- Token bucket as in RFC 2697/2698 meters; a level never above `burst` and growing at exactly `rate` bounds the starts
-- in every window of t seconds by burst + rate * t.
local TOKEN = 1000000000

local function limit_is_sound(value)
  return not value or value == '' or tonumber(value) ~= nil
end

-- What was set for a type, if it was declared; `aged` where tasks may have risen, and
-- `groups_capped` where groups may have been at a cap, though there is none any more. Who changes it has to clear_cache().
local function settings(type_name)
  local set = cache.settings[type_name]
  if not set then
    local f = call('HMGET', KEY.limits(type_name), 'rate', 'burst', 'concurrency', 'paused', 'declared', 'grouped',
      'tenant_rate', 'tenant_burst', 'tenant_concurrency', 'group_concurrency', 'aging')
    set = { type = type_name, rate = tonumber(f[1]), burst = tonumber(f[2]) or 1, concurrency = tonumber(f[3]),
      paused = f[4] == '1', declared = f[5], grouped = f[6],
      tenant_rate = tonumber(f[7] or nil), tenant_burst = tonumber(f[8] or nil), tenant_concurrency = tonumber(f[9] or nil),
      group_concurrency = tonumber(f[10] or nil), groups_capped = f[10], aging = tonumber(f[11] or nil), aged = f[11], level = 0, alarm = 0 }
    -- What is no number is no limit either, and no type may lose its limit by that.
    if not limit_is_sound(f[1]) or not limit_is_sound(f[2]) or not limit_is_sound(f[3]) then set.declared = false end
    set.capped = set.tenant_rate or set.tenant_concurrency or call('HLEN', KEY.tenant_limits()) > 0
    cache.settings[type_name] = set
    cache.divided = cache.divided or set.grouped or set.aged
  end
  return set
end

-- The settings of a type and, where it has a rate, its bucket as it stands now.
local function limits(type_name)
  local set = settings(type_name)
  if not set.rate then return set end
  if seen[type_name] then return seen[type_name] end
  local s = { type = type_name, rate = set.rate, burst = set.burst, concurrency = set.concurrency, paused = set.paused,
    declared = set.declared }
  local f = call('HMGET', KEY.limits(type_name), 'level', 'ts', 'alarm', 'watcher')
  s.level, s.ts, s.alarm, s.watcher = tonumber(f[1]) or 0, tonumber(f[2]), tonumber(f[3]) or 0, f[4]
  -- A clock that steps back refills nothing, and the bucket's time follows it at once, or the type would starve.
  if not s.ts or now < s.ts then
    s.ts, s.alarm = now, 0
    call('HSET', KEY.limits(type_name), 'ts', now, 'alarm', 0)
  end
  local cap = s.burst * TOKEN
  local elapsed = now - s.ts
  if elapsed > (cap - s.level) / s.rate then s.level = cap else s.level = s.level + elapsed * s.rate end
  seen[type_name] = s
  return s
end

-- When a task of the type was last taken where types compete.
local function served(s)
  s.served = s.served or tonumber(call('HGET', KEY.limits(s.type), 'served')) or 0
  return s.served
end

local function running(type_name)
  local sum = 0
  for _, queue in ipairs(queues_of(type_name)) do sum = sum + call('ZCARD', facts(queue).leases) end
  return sum
end

-- The microseconds until the type has a token, 0 when it has one or needs none.
local function due_in(s)
  if s.rate and s.level < TOKEN then return math.ceil((TOKEN - s.level) / s.rate) end
  return 0
end

-- 0 when a start of the type may be granted now, the microseconds until it may, or nil when only somebody's act (a freed
-- slot, a resume, a declaration: without one nobody knows its limits) can make it startable.
local function wait_for(s)
  if s.paused or not s.declared then return nil end
  if s.concurrency and running(s.type) >= s.concurrency then return nil end
  return math.max(0, due_in(s) - AHEAD)
end

-- Another look at what a task waits for elsewhere is no new start: one token pays for a start and so many looks.
local LOOKS = 60

-- Is the next run of a task such a look? `postponed` is the number of the run that was postponed last, `looks` counts those
-- since the last token, 0 when it is used up.
local function looks_for_free(runs, postponed, looks)
  return postponed and postponed == runs and looks ~= '0' or false
end

-- Takes the token that is due in `ahead` microseconds (0 for now), for what is not free. Whose turn it was matters where
-- types compete.
local function spend(s, compete, free, ahead)
  local key = KEY.limits(s.type)
  if s.rate and not free then
    -- As if it were taken at that instant: what does not fit into the bucket by then is lost. Until then the level is
    -- below zero.
    local refill = ahead * s.rate
    s.level = math.min(s.burst * TOKEN, s.level + refill) - TOKEN - refill
    call('HSET', key, 'level', s.level, 'ts', now)
  end
  if compete then
    s.served = now
    call('HSET', key, 'served', now)
  end
end

-- Does `rq suspend` hold everything?
local function suspended()
  if cache.suspended == nil then cache.suspended = call('EXISTS', KEY.suspended()) == 1 end
  return cache.suspended
end
