-- @include clock
-- @include keys
-- What every script starts from: the key prefix, the time, and queues, numbers and times as text. The loader calls begin().
local call, now, now_text
-- A start may be granted so many microseconds before its token is due. The worker has the task in its hand by then and
-- begins at the instant: however late it is woken, no part of the rate is lost while that is less.
local AHEAD = 20000
-- Those of our keys that every task needs.
local ARRIVALS, READY, LIFE
-- What this call has read already of limits, by type; how many tasks it has moved because others have ended.
local seen, followed
-- What seldom changes: read again after CACHED_US, and at once after a script of ours has changed it. It lives between
-- calls where scripts are a function library; elsewhere each call starts with none. All databases of a server share the
-- library, and it outlives FLUSHALL: what it holds is of one prefix and of one `life`, a mark that each database gets with
-- its first declaration. Without the mark nothing is kept.
local cache, cached_since, cached_for, cached_life

-- Names of keys, and what the names of queues tell: right as long as the prefix is the same. So many keys are kept at most.
local spelled
local MOST_NAMES = 20000

local function clear_cache()
  cache = { templates = {}, listeners = {}, settings = {}, waiting = {}, draining = {}, sole = {}, plain = {}, granted = {},
    quotas = {}, spent = {}, bounds = {} }
  cached_since = now
end

-- Other queues have work than before.
local function forget_ready()
  cache.ready, cache.choices = nil, nil
end

-- Forgets what was remembered of another database.
local function compare_life()
  local life = call('GET', LIFE)
  if not (cache and life) or life ~= cached_life or now >= cached_since + CACHED_US or now < cached_since then
    cached_life = life
    clear_cache()
  end
end

local function begin_in(prefix)
  call, now, now_text, seen, followed = redis.call, clock(), nil, {}, 0
  if cached_for ~= prefix then
    P, B = prefix .. ':', prefix .. ':broker:'
    ARRIVALS, READY, LIFE = KEY.arrivals(), KEY.ready(), KEY.life()
    cached_for, cache, spelled = prefix, nil, nil
  end
  if not spelled or spelled.count > MOST_NAMES then spelled = { facts = {}, indexes = {}, count = 0 } end
end

local function begin(prefix)
  begin_in(prefix)
  compare_life()
end

-- For the end of a run. Returns the task as it was granted, if that was since the cache was made: when its hash still says
-- that it is this execution's, it is of this database, and compare_life() is left out.
local function begin_run(prefix, worker, execution)
  begin_in(prefix)
  local task = cache and now < cached_since + CACHED_US and now >= cached_since and cache.granted[worker]
  if task and task.lease == execution then return task end
  compare_life()
  return nil
end

-- When a task is due that waits for others: later than any time that may be asked for.
local NEVER = 9007199254740991

-- A hash of which there is little, whole, as a table; nil of one that has more fields than this.
local LITTLE = 200
local function little(key)
  local count = call('HLEN', key)
  if count > LITTLE then return nil end
  local flat, found = count > 0 and call('HGETALL', key) or {}, {}
  for i = 1, #flat, 2 do found[flat[i]] = flat[i + 1] end
  return found
end

-- The levels of a type: its priorities, and below them the background. Each is a queue, named as `broker.levels` says.
local LEVEL = { background = -1, highest = 10 }

function LEVEL.queue(type_name, level)
  if level == LEVEL.background then return type_name .. ':background' end
  return level == 0 and type_name or type_name .. ':' .. level
end

-- The type and the level that a queue's name tells.
function LEVEL.split(queue)
  local type_name, word = string.match(queue, '^([^:]+):?(%w*)$')
  return type_name, word == 'background' and LEVEL.background or tonumber(word) or 0
end

-- All levels of a type as queues, that of priority 0 first.
local function queues_of(type_name)
  local queues = { type_name, LEVEL.queue(type_name, LEVEL.background) }
  for level = 1, LEVEL.highest do queues[#queues + 1] = LEVEL.queue(type_name, level) end
  return queues
end

-- What a queue's name tells, and its keys: to put them together takes longer than to find them.
local function facts(queue)
  local found = spelled.facts[queue]
  if not found then
    local type_name, level = LEVEL.split(queue)
    found = { type = type_name, level = level, list = KEY.rq_queue(queue), leases = KEY.registry('wip', queue),
      finished = KEY.registry('finished', queue), shares = KEY.shares(queue), lines = {} }
    spelled.facts[queue], spelled.count = found, spelled.count + 1
  end
  return found
end

-- 'VideoTranscoding:5' -> 'VideoTranscoding'
local function type_of(queue)
  return facts(queue).type
end

-- For text that is put together here: tostring() would print 1.8e+15 and lose the microseconds, and a negative zero as
-- -0. What is handed to a command as a number keeps all its digits.
local function int(number)
  return string.format('%.0f', number + 0)
end

-- The second that was formatted last, as a number and as text; it outlives a call, and is right at any time.
local second, second_text

-- '2024-01-01T00:00:05.' of a second since the epoch.
-- Civil date from day number after H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".
local function format_second(number)
  local days = math.floor(number / 86400)
  local rest = number - days * 86400
  local z = days + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local mp = math.floor((5 * doy + 2) / 153)
  local month = mp < 10 and mp + 3 or mp - 9
  return string.format('%04d-%02d-%02dT%02d:%02d:%02d.', yoe + era * 400 + (month <= 2 and 1 or 0), month,
    doy - math.floor((153 * mp + 2) / 5) + 1, math.floor(rest / 3600), math.floor(rest / 60) % 60, rest % 60)
end

-- Microseconds since the epoch as RQ and the API write a time: 2024-01-01T00:00:05.123456Z.
local function iso(us)
  local number = math.floor(us / 1000000)
  if number ~= second then second, second_text = number, format_second(number) end
  return string.format('%s%06dZ', second_text, us - number * 1000000)
end

-- The present moment, formatted once a call.
local function at()
  now_text = now_text or iso(now)
  return now_text
end

-- The reverse of iso(); nil for anything else.
local function microseconds(text)
  if not text then return nil end
  local micros = string.sub(text, 1, 20) == second_text and string.match(text, '^(%d%d%d%d%d%d)Z$', 21)
  if micros then return second * 1000000 + micros end
  local y, m, d, hh, mm, ss, us = string.match(text, '^(%d+)-(%d+)-(%d+)T(%d+):(%d+):(%d+)%.(%d+)Z$')
  if not y then return nil end
  y, m, d = tonumber(y), tonumber(m), tonumber(d)
  if m <= 2 then y = y - 1 end
  local era = math.floor(y / 400)
  local yoe = y - era * 400
  local doy = math.floor((153 * (m + (m > 2 and -3 or 9)) + 2) / 5) + d - 1
  local days = era * 146097 + yoe * 365 + math.floor(yoe / 4) - math.floor(yoe / 100) + doy - 719468
  return (days * 86400 + hh * 3600 + mm * 60 + ss) * 1000000 + us
end
