-- @include wake
-- What a type's queue is set to where nobody has said otherwise. Everybody who knows the type says it again and again, so
-- that it is known even if the server has lost everything.

-- Two releases may run side by side with different defaults. One that is new takes effect at once; one that was in effect
-- before, only when nobody has repeated the present one for so long: its processes are gone, the release was taken back.
local DEFAULTS = { IN_EFFECT_US = 15000000 }
-- A repetition is noted so seldom.
DEFAULTS.NOTED_US = 1000000
-- So many declarations that were in effect before are known.
DEFAULTS.FORMER = 8

-- May this declaration, which is not the one in effect, replace it?
function DEFAULTS.replaces(key, declared, present, said_us, former)
  if not present or not string.find(' ' .. former .. ' ', ' ' .. declared .. ' ', 1, true) then return true end
  if now < said_us then -- the clock stepped back
    call('HSET', key, 'declared_at', now)
    return false
  end
  return now - said_us >= DEFAULTS.IN_EFFECT_US
end

function DEFAULTS.without(list, word)
  local left = {}
  for each in string.gmatch(list, '%S+') do
    if each ~= word then left[#left + 1] = each end
  end
  return table.concat(left, ' ', 1, math.min(#left, DEFAULTS.FORMER))
end

-- What was set at run time stays: it is what differs from the default that was in effect.
function DEFAULTS.put_in_effect(type_name, key, declared, present)
  clear_cache()
  local s = limits(type_name) -- a bucket that is not there starts empty, a changed one settles at its old rate
  local is = call('HMGET', key, 'rate', 'burst', 'concurrency')
  local was = { string.match(present or '', '^(%d*)/(%d*)/(%d*)$') }
  local new = { string.match(declared, '^(%d*)/(%d*)/(%d*)$') }
  for i = 1, 3 do
    if was[i] and is[i] and is[i] ~= was[i] then new[i] = is[i] end
  end
  call('HSET', key, 'rate', new[1], 'burst', new[2], 'concurrency', new[3],
    'level', math.min(s.level, tonumber(new[2]) * TOKEN), 'ts', now, 'alarm', 0)
end

local function declare(type_name, declared)
  call('SADD', KEY.types(), type_name)
  local key = KEY.limits(type_name)
  local f = call('HMGET', key, 'declared', 'declared_at', 'former')
  local present, said_us, former = f[1], tonumber(f[2]) or 0, f[3] or ''
  if present == declared then
    if now >= said_us + DEFAULTS.NOTED_US or now < said_us then call('HSET', key, 'declared_at', now) end
    return false
  end
  if not DEFAULTS.replaces(key, declared, present, said_us, former) then return false end
  DEFAULTS.put_in_effect(type_name, key, declared, present)
  call('HSET', key, 'declared', declared, 'declared_at', now)
  if present then call('HSET', key, 'former', DEFAULTS.without(present .. ' ' .. former, declared)) end
  seen = {}
  clear_cache()
  wake_for_change(type_name)
  return true
end

-- Declares all of 'A=rate/burst/concurrency B=...'. Returns whether something took effect.
local function declare_all(types)
  call('SET', LIFE, now, 'NX') -- no two databases are marked in the same microsecond
  local changed = false
  for type_name, declared in string.gmatch(types, '([^%s=]+)=(%d*/%d+/%d*)') do changed = declare(type_name, declared) or changed end
  return changed
end
