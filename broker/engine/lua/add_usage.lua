-- add_usage: adds to the ledger what no script has added that ended a run: of runs that were lost, or were too short.
-- KEYS[1] prefix
-- ARGV[1] token  a repeat under the same one changes nothing; of a run its execution
-- ARGV[2..] fields  four for each: id of the task or '', tenant, type, used as in usage.lua
-- Returns 1, or 0 for a repeat
-- @include usage
if not call('SET', KEY.usage_told(token), '', 'NX', 'EX', USAGE.TOLD) then return 0 end
for i = 1, #fields, 4 do
  local id, tenant, type_name, used = unpack(fields, i, i + 3)
  USAGE.add(tenant, type_name, used, id ~= '' and 1 or 0)
  local lease = id ~= '' and call('HGET', KEY.job(id), 'lease') or ''
  -- Where there was another run since, the task's record is that one's.
  if string.match(lease, '^%S+') == token then USAGE.note_run(KEY.job(id), used) end
end
return 1
