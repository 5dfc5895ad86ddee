-- remove_gone: removes what is left of a tenant's tasks that a foreign hand has deleted, hash and place.
-- KEYS[1] prefix
-- ARGV[1] tenant
-- ARGV[2] type
-- ARGV[3..] ids  one whose hash is there (again) is left alone
-- Returns how many it removed
-- Moves any -> none
-- @include gone
local removed = 0
for _, id in ipairs(ids) do
  if call('EXISTS', P .. 'job:' .. id) == 0 then
    call('ZREM', B .. 'due', id)
    remove_from_index(tenant, type, id)
    removed = removed + 1
  end
end
if removed > 0 then wake_for_slot(type) end
return removed
