-- changed_vectors: what a reader of an older version has to read again, as it is at one moment.
-- KEYS[1] prefix
-- ARGV[1] tenant
-- ARGV[2] model
-- ARGV[3] since  the reader's version, '' if it read before the first
-- ARGV[4] most   changes to read at once
-- Returns {} when that version is not known (any more), or {version reached, 1 if none is newer, media with vectors, ids,
--   packed vectors or nil of each}
-- @include vectors
local entries = call('XRANGE', KEY.vector_changes(tenant, model), since == '' and '-' or since, '+', 'COUNT', most + 2)
local version, first = since, 1
if since ~= '' then
  if not entries[1] or entries[1][1] ~= since then return {} end
  first = 2
elseif entries[1] and not string.find(entries[1][1], '^1%-') then
  return {}
end
local last = math.min(#entries, first + most - 1)
local ids, seen_ids, packed = {}, {}, {}
for i = first, last do
  version = entries[i][1]
  local id = entries[i][2][2]
  if not seen_ids[id] then
    seen_ids[id] = true
    ids[#ids + 1] = id
  end
end
local key = KEY.vectors(tenant, model)
if ids[1] then packed = call('HMGET', key, unpack(ids)) end
return { version, last == #entries and 1 or 0, call('HLEN', key), ids, packed }
