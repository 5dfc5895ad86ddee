-- remove_gone: removes what is left of a tenant's tasks that a foreign hand has deleted, hash and place.
-- KEYS[1] prefix
-- ARGV[1] tenant
-- ARGV[2] type_name
-- ARGV[3..] ids  one whose hash is there (again) is left alone
-- Returns those for which there is no hash
-- Moves any -> none
-- @include gone
local gone = {}
for _, id in ipairs(ids) do
  if call('EXISTS', KEY.job(id)) == 0 then
    call('ZREM', KEY.due(), id)
    remove_from_index(tenant, type_name, id)
    gone[#gone + 1] = id
  end
end
if #gone > 0 then wake_for_slot(type_name) end
return gone
