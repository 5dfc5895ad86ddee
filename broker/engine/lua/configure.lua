-- configure: changes a type's limits for all workers at once.
-- KEYS[1] prefix
-- ARGV[1] type_name
-- ARGV[2] rate  starts per 1,000 seconds, '' for no limit, 'keep'
-- ARGV[3] burst  or 'keep'
-- ARGV[4] concurrency  '' for no limit, or 'keep'
-- ARGV[5] paused  '1', '0' or 'keep'
-- ARGV[6] caps  'tenant_rate/tenant_burst/tenant_concurrency/group_concurrency/aging', each as those above
-- ARGV[7] tenant  of whoever changes them, who is told with all that listens for it; '' for nobody
-- ARGV[8] actor  as audit.lua takes it
-- Returns 1, or 0 when the type is not declared
-- @include audit
-- @include events
-- @include wake
local key = KEY.limits(type_name)
if call('HEXISTS', key, 'declared') == 0 then return 0 end
local function described()
  local f = call('HMGET', key, 'rate', 'burst', 'concurrency', 'paused', 'tenant_rate', 'tenant_burst', 'tenant_concurrency',
    'group_concurrency', 'aging')
  local function per_second(text) return tonumber(text or '') and text / 1000 or cjson.null end
  local function count(text) return tonumber(text or '') or cjson.null end
  return cjson.encode({ rate = per_second(f[1]), burst = tonumber(f[2]) or 1, concurrency = count(f[3]), paused = f[4] == '1',
    tenant_rate = per_second(f[5]), tenant_burst = tonumber(f[6] or '') or 1, tenant_concurrency = count(f[7]),
    group_concurrency = count(f[8]), aging_seconds = count(f[9]) })
end
local before = described()
clear_cache()
local s = limits(type_name) -- settled at the old rate
local function set(field, value)
  if value ~= 'keep' then call('HSET', key, field, value) end
end
set('rate', rate)
set('burst', burst)
set('concurrency', concurrency)
set('paused', paused)
local names, position = { 'tenant_rate', 'tenant_burst', 'tenant_concurrency', 'group_concurrency', 'aging' }, 0
for value in string.gmatch(caps .. '/', '(%w*)/') do
  position = position + 1
  set(names[position], value)
end
local cap = (burst == 'keep' and s.burst or tonumber(burst)) * TOKEN
-- A type that had no rate starts its bucket empty, as any bucket that was not there.
call('HSET', key, 'level', math.min(s.rate and s.level or 0, cap), 'ts', now, 'alarm', 0)
seen = {}
clear_cache()
CAP.reset(type_name)
if not settings(type_name).aging then call('DEL', KEY.aging(type_name)) end
if tenant ~= '' then
  local f = call('HMGET', key, 'rate', 'burst', 'concurrency', 'paused')
  tell(tenant, 'queue', { type = type_name, rate = f[1] or '', burst = f[2] or '1', concurrency = f[3] or '', paused = f[4] or '0' })
end
local after = described()
if after ~= before then note_audit(actor, 'queue.configured', type_name, before, after) end
wake_for_change(type_name)
return 1
