-- configure: changes a type's limits for all workers at once.
-- KEYS[1] prefix
-- ARGV[1] type_name
-- ARGV[2] rate  starts per 1,000 seconds, '' for no limit, 'keep'
-- ARGV[3] burst  or 'keep'
-- ARGV[4] concurrency  '' for no limit, or 'keep'
-- ARGV[5] paused  '1', '0' or 'keep'
-- ARGV[6] tenant  of whoever changes them, who is told with all that listens for it; '' for nobody
-- Returns 1, or 0 when the type is not declared
-- @include events
-- @include wake
local key = KEY.limits(type_name)
if call('HEXISTS', key, 'declared') == 0 then return 0 end
clear_cache()
local s = limits(type_name) -- settled at the old rate
local function set(field, value)
  if value ~= 'keep' then call('HSET', key, field, value) end
end
set('rate', rate)
set('burst', burst)
set('concurrency', concurrency)
set('paused', paused)
local cap = (burst == 'keep' and s.burst or tonumber(burst)) * TOKEN
-- A type that had no rate starts its bucket empty, as any bucket that was not there.
call('HSET', key, 'level', math.min(s.rate and s.level or 0, cap), 'ts', now, 'alarm', 0)
seen = {}
clear_cache()
if tenant ~= '' then
  local f = call('HMGET', key, 'rate', 'burst', 'concurrency', 'paused')
  tell(tenant, 'queue', { type = type_name, rate = f[1] or '', burst = f[2] or '1', concurrency = f[3] or '', paused = f[4] or '0' })
end
wake_for_change(type_name)
return 1
