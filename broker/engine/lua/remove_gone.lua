-- remove_gone: removes what is left of a tenant's tasks that a foreign hand has deleted, hash and place.
-- KEYS[1] prefix
-- ARGV[1] tenant
-- ARGV[2] type
-- ARGV[3..] ids  one whose hash is there (again) is left alone
-- Returns for how many there is no hash
-- Moves any -> none
-- @include gone
local gone = 0
for _, id in ipairs(ids) do
  if call('EXISTS', P .. 'job:' .. id) == 0 then
    call('ZREM', B .. 'due', id)
    remove_from_index(tenant, type, id)
    gone = gone + 1
  end
end
if gone > 0 then wake_for_slot(type) end
return gone
