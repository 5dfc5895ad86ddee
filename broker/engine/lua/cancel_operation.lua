-- cancel_operation: ends an operation; what it has done stays done.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] tenant
-- Returns the state it found, '' when the tenant has none of this id
-- @include operations
local record = OPERATION.read(id)
if not record or record.tenant ~= tenant then return '' end
if record.state == 'running' then OPERATION.finish(record, 'cancelled') end
return record.state
