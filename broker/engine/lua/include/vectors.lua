-- @include base
-- What the vectors of a tenant's media by one model are kept in, and the note that they changed.
local KEPT_CHANGES = 10000

local function vectors_key(tenant, model)
  return B .. 'vectors:' .. tenant .. ':' .. model
end

-- Versions count up without gaps, so that a reader sees when the entry after its own was dropped already.
local function note_change(tenant, model, media_id)
  local key = B .. 'vector_changes:' .. tenant .. ':' .. model
  local last = call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1]
  local version = last and tonumber(string.match(last[1], '^%d+')) + 1 or 1
  call('XADD', key, 'MAXLEN', KEPT_CHANGES, int(version) .. '-0', 'media', media_id)
end
