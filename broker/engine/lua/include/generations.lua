-- @include vectors
-- Generations: what one model, by one recipe, has made of a tenant's media. One is `active`: searches prefer it. One is
-- `wanted`: the files that it lacks, and another generation has, are in `generation_missing` until they have it or are in
-- `generation_failed`. So what it has, what it lacks and what failed are together all files that can be searched.
local GENERATION = {}

-- Nothing more is to be done of a file for the wanted generation. Returns 1 when there was.
function GENERATION.settled(tenant, media_id)
  call('HDEL', KEY.generation_failed(tenant), media_id)
  return call('ZREM', KEY.generation_missing(tenant), media_id)
end

-- A daemon looks at the tenant now.
function GENERATION.look(tenant)
  call('ZADD', KEY.generations_due(), now, tenant)
end

function GENERATION.remove(tenant, model, media_id, nonce)
  if call('HDEL', KEY.vectors(tenant, model), media_id) == 1 then
    call('HDEL', KEY.vector_parts(tenant, model), media_id)
    note_change(tenant, model, media_id, nonce)
  end
end

-- A file got vectors by a model. The wanted generation's own of it, if another one has just made newer ones (of what was
-- said in it meanwhile, say), are out of date, and made again.
function GENERATION.note_put(tenant, model, media_id, nonce)
  local wanted = call('HGET', KEY.generation(tenant), 'wanted')
  if wanted == model then
    if GENERATION.settled(tenant, media_id) == 1 then call('HINCRBY', KEY.generation(tenant), 'made', 1) end
    return
  end
  if wanted then
    GENERATION.remove(tenant, wanted, media_id, nonce)
    call('HDEL', KEY.generation_failed(tenant), media_id)
    call('ZADD', KEY.generation_missing(tenant), 0, media_id)
  end
  GENERATION.look(tenant)
end

-- A place in a walk through all media of a tenant, from the oldest of each kind on: `2 1700000000000000`.
local KINDS = { 'audio', 'document', 'image', 'video' }

-- Calls `visit` with some hundred ids behind a place; returns the next place, nil at the end. A file that comes meanwhile
-- may be left out: whatever makes vectors of it notes that itself.
function GENERATION.walk(tenant, place, limit, visit)
  local kind, from = string.match(place, '^(%d+) (%S+)$')
  kind = tonumber(kind)
  if not KINDS[kind] then return nil end
  local index = KEY.media_index(tenant, KINDS[kind])
  local found = call('ZRANGEBYSCORE', index, from, '+inf', 'WITHSCORES', 'LIMIT', 0, limit)
  for i = 1, #found, 2 do visit(found[i]) end
  if #found < 2 * limit then return KINDS[kind + 1] and (kind + 1) .. ' -inf' end
  local last = found[#found]
  for _, id in ipairs(call('ZRANGEBYSCORE', index, last, last)) do visit(id) end -- those of that very microsecond
  return kind .. ' (' .. last
end
GENERATION.beginning = '1 -inf'

-- The version of everything but a model's own, by which is seen what an older release has stored without a note.
function GENERATION.signature(tenant, models, wanted)
  local versions = {}
  for _, model in ipairs(models) do
    if model ~= wanted then
      local last = call('XREVRANGE', KEY.vector_changes(tenant, model), '+', '-', 'COUNT', 1)[1]
      versions[#versions + 1] = model .. '=' .. (last and last[1] or '')
    end
  end
  table.sort(versions)
  return table.concat(versions, ' ')
end
