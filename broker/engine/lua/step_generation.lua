-- step_generation: one step of what leads a tenant to the wanted generation: it begins, looks through the media for what is
-- missing, hands out files to be embedded, switches, and in the end removes what is kept no longer.
-- KEYS[1] prefix
-- ARGV[1] tenant
-- ARGV[2] limit    media files that are looked at
-- ARGV[3] most     files that are handed out
-- ARGV[4] keep_us  for how long a generation stays that is neither active nor wanted
-- ARGV[5] nonce    a number of at most 63 bits that no other change has
-- Returns {} when there is nothing to do, or {wanted, 1 if there is more to do at once, 1 if it was switched now, now, then
--   each file that was handed out and its kind}
-- @include generations
local SOON_US, LATER_US, WALK_AGAIN_US = 250000, 30000000, 60000000
local key, missing, failed = KEY.generation(tenant), KEY.generation_missing(tenant), KEY.generation_failed(tenant)
local models = call('SMEMBERS', KEY.vector_models(tenant))
local wanted = call('GET', KEY.generation_wanted())
local f = {}
for i, name in ipairs({ 'active', 'wanted', 'walk', 'walked_at', 'signature' }) do
  f[name] = call('HGET', key, name) or nil
end

local function look_in(us) call('ZADD', KEY.generations_due(), now + us, tenant) end

-- The generation that has most of the files: what was searched until now.
local function largest()
  local found, most = wanted, call('HLEN', KEY.vectors(tenant, wanted))
  for _, model in ipairs(models) do
    local count = call('HLEN', KEY.vectors(tenant, model))
    if count > most then found, most = model, count end
  end
  return found
end

local function begin_anew()
  if f.wanted and f.wanted ~= f.active then call('HSET', key, 'left:' .. f.wanted, now) end
  call('DEL', missing, failed)
  f.wanted, f.walk, f.walked_at = wanted, GENERATION.beginning, nil
  f.active = f.active or largest()
  call('HSET', key, 'active', f.active, 'wanted', wanted, 'since', now, 'made', 0)
  call('HDEL', key, 'walked_at', 'left:' .. wanted, 'removing:' .. wanted)
end

local function find_missing()
  if f.walk == GENERATION.beginning then
    call('HSET', key, 'signature', GENERATION.signature(tenant, models, wanted))
  end
  f.walk = GENERATION.walk(tenant, f.walk, tonumber(limit), function(id)
    if call('HEXISTS', KEY.vectors(tenant, wanted), id) == 1 or call('HEXISTS', failed, id) == 1 then return end
    for _, model in ipairs(models) do
      if model ~= wanted and call('HEXISTS', KEY.vectors(tenant, model), id) == 1 then
        call('ZADD', missing, 'NX', 0, id)
        return
      end
    end
  end)
  if f.walk then
    call('HSET', key, 'walk', f.walk)
  else
    call('HSET', key, 'walked_at', now)
    call('HDEL', key, 'walk')
    f.walked_at = now
  end
end

local function switch()
  call('HSET', key, 'active', wanted, 'switched_at', now, 'left:' .. f.active, now)
  f.active = wanted
end

-- Removes what a generation has of files that the active one has, too; what that could not get stays, and is found by it.
local function remove_some(model, place)
  local following = GENERATION.walk(tenant, place, tonumber(limit), function(id)
    if call('HEXISTS', KEY.vectors(tenant, f.active), id) == 1 then GENERATION.remove(tenant, model, id, nonce) end
  end)
  if following then
    call('HSET', key, 'removing:' .. model, following)
    return true
  end
  call('HDEL', key, 'removing:' .. model, 'left:' .. model)
  if call('HLEN', KEY.vectors(tenant, model)) == 0 then
    call('DEL', KEY.vector_parts(tenant, model), KEY.vector_changes(tenant, model))
    call('SREM', KEY.vector_models(tenant), model)
  end
  return false
end

-- Whether more is to be removed at once.
local function remove_old()
  for _, model in ipairs(models) do
    if model ~= wanted then
      local left, place = call('HGET', key, 'left:' .. model), call('HGET', key, 'removing:' .. model)
      if not left then
        call('HSET', key, 'left:' .. model, now)
      elseif place or tonumber(left) + tonumber(keep_us) <= now then
        return remove_some(model, place or GENERATION.beginning)
      end
    end
  end
  return false
end

if not wanted then
  look_in(LATER_US)
  return {}
end
if #models == 0 then
  call('DEL', key, missing, failed)
  call('ZREM', KEY.generations_due(), tenant)
  return {}
end
if f.wanted ~= wanted then begin_anew() end
if f.walked_at and now - tonumber(f.walked_at) > WALK_AGAIN_US
  and GENERATION.signature(tenant, models, wanted) ~= f.signature then
  f.walk = GENERATION.beginning
end
local walking = f.walk ~= nil
if walking then find_missing() end

local reply = { wanted, 0, 0, int(now) }
if call('ZCARD', missing) > 0 then
  for _, id in ipairs(tonumber(most) > 0 and call('ZRANGEBYSCORE', missing, 0, 0, 'LIMIT', 0, most) or {}) do
    call('ZADD', missing, now, id)
    reply[#reply + 1] = id
    reply[#reply + 1] = call('HGET', KEY.media(id), 'kind') or ''
  end
  look_in(f.walk and 0 or SOON_US)
elseif not f.walked_at then
  look_in(0)
elseif f.active ~= wanted then
  switch()
  reply[3] = 1
  look_in(SOON_US)
elseif f.walk or remove_old() then
  look_in(0)
elseif #models == 1 and models[1] == wanted then
  call('ZREM', KEY.generations_due(), tenant)
else
  look_in(LATER_US)
end
if f.walk or #reply > 4 then reply[2] = 1 end
return reply
