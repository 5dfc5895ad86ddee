-- @include clock
-- What every script starts from: the key prefix, the time, and queues, numbers and times as text. The loader calls begin().
local call, P, B, now
-- What this call has read already.
local seen

local function begin(prefix)
  call, P, B, seen = redis.call, prefix .. ':', prefix .. ':broker:', {}
  now = clock()
end

-- 'VideoTranscoding:5' -> 'VideoTranscoding', 5
local function split(queue)
  local type, priority = string.match(queue, '^([^:]+):?(%d*)$')
  return type, tonumber(priority) or 0
end

-- tostring() would print 1.8e+15 and lose the microseconds; without the addition a negative zero would print as -0.
local function int(number)
  return string.format('%.0f', number + 0)
end

-- Microseconds since the epoch as RQ and the API write a time: 2024-01-01T00:00:05.123456Z.
-- Civil date from day number after H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".
local iso_second, iso_text -- the last one, since most of what is told in a row happened in the same second
local function iso(us)
  local seconds = math.floor(us / 1000000)
  if seconds ~= iso_second then
    local days = math.floor(seconds / 86400)
    local rest = seconds - days * 86400
    local z = days + 719468
    local era = math.floor(z / 146097)
    local doe = z - era * 146097
    local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
    local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
    local mp = math.floor((5 * doy + 2) / 153)
    local month = mp < 10 and mp + 3 or mp - 9
    iso_text = string.format('%04d-%02d-%02dT%02d:%02d:%02d.', yoe + era * 400 + (month <= 2 and 1 or 0), month,
      doy - math.floor((153 * mp + 2) / 5) + 1, math.floor(rest / 3600), math.floor(rest % 3600 / 60), rest % 60)
    iso_second = seconds
  end
  return iso_text .. string.format('%06dZ', us - seconds * 1000000)
end

-- The reverse of iso(); nil for anything else.
local function microseconds(text)
  local y, m, d, hh, mm, ss, us = string.match(text or '', '^(%d+)-(%d+)-(%d+)T(%d+):(%d+):(%d+)%.(%d+)Z$')
  if not y then return nil end
  y, m, d = tonumber(y), tonumber(m), tonumber(d)
  if m <= 2 then y = y - 1 end
  local era = math.floor(y / 400)
  local yoe = y - era * 400
  local doy = math.floor((153 * (m + (m > 2 and -3 or 9)) + 2) / 5) + d - 1
  local days = era * 146097 + yoe * 365 + math.floor(yoe / 4) - math.floor(yoe / 100) + doy - 719468
  return (days * 86400 + hh * 3600 + mm * 60 + ss) * 1000000 + us
end
