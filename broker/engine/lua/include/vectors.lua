-- @include base
-- What the vectors of a tenant's media by one model are kept in, and the notes of what changed.
local KEPT_CHANGES = 10000

-- A version is a number that counts up without gaps, so that a reader sees when the entry after its own was dropped
-- already, and a nonce: a server that lost its last moments counts the same numbers again, for other changes.
local function note_change(tenant, model, media_id, nonce)
  local key = KEY.vector_changes(tenant, model)
  local last = call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1]
  local number = last and tonumber(string.match(last[1], '^%d+')) + 1 or 1
  call('XADD', key, 'MAXLEN', KEPT_CHANGES, int(number) .. '-' .. nonce, 'media', media_id)
end
