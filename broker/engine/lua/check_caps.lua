-- check_caps: who counts as being at a cap of a type, and is at none. Changes nothing.
-- KEYS[1] prefix
-- ARGV[1] type_name
-- ARGV[2] kind  tenant or group
-- ARGV[3..] members  tenants, or tenant:group
-- Returns those of the members
-- @include caps
local free = {}
for _, member in ipairs(members) do
  local key = kind == 'group' and KEY.capped_groups(type_name) or KEY.capped(type_name)
  local stands
  if kind == 'group' then
    stands = call('SISMEMBER', key, member) == 1 and not CAP.group_is_full(type_name, string.match(member, '^([^:]*):(.*)$'))
  else -- one whose token is due goes on with the next claim
    local due = tonumber(call('ZSCORE', key, member) or nil)
    stands = due and due > now and not CAP.wait(type_name, member)
  end
  if stands then free[#free + 1] = member end
end
return free
