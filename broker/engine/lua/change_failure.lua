-- change_failure: says of a group of failures that it is open, resolved or ignored.
-- KEYS[1] prefix
-- ARGV[1] tenant
-- ARGV[2] failure
-- ARGV[3] state
-- ARGV[4] actor  for the audit log, as `broker.actor` makes it
-- Returns the state it found, '' when the tenant has no such group
-- @include audit
local key = KEY.failure(tenant, failure)
local found = call('HGET', key, 'state')
if not found then return '' end
if found ~= state then
  call('HSET', key, 'state', state, 'changed_at', at())
  if state ~= 'open' then call('HDEL', key, 'regressed_at') end
  note_audit(actor, 'failure.changed', failure, cjson.encode({ state = found }), cjson.encode({ state = state }))
end
return found
