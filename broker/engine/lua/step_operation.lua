-- step_operation: goes on with an operation: looks for tasks that fit, acts on some, and notes how far it has come.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] limit  tasks to act on
-- ARGV[3] note   how the field of a media record begins that notes a plugin's run
-- Returns {its state ('' when there is none), tenant, action, {id, type, status before, media file, plugin of each acted on}}
-- Moves pending -> cancelled
-- Moves scheduled -> cancelled
-- Moves processing -> cancelled
-- Moves failed -> scheduled
-- Moves completed -> none
-- Moves failed -> none
-- Moves cancelled -> none
-- @include operations
local record = OPERATION.read(id)
if not record then
  call('ZREM', KEY.operations_open(), id)
  call('ZREM', KEY.reprocessings_open(), id)
  return { '', '', '', {} }
end
if record.state ~= 'running' then return { record.state, record.tenant, record.action, {} } end

local what = OPERATION.wanted(record)
local from = record.moment ~= '' and { at = tonumber(record.moment), id = record.beyond } or nil
local found, place, looked, more = FIND.run(what, from, record.dry_run and OPERATION.counted or tonumber(limit))
local acted, reasons, counts = {}, {}, { examined = looked, matched = 0, done = 0, skipped = 0, failed = 0 }
for _, each in ipairs(found) do
  local outcome, why = OPERATION.take(record, each.id, note, acted)
  if outcome then
    counts.matched, counts[outcome] = counts.matched + 1, counts[outcome] + 1
    if why then reasons[why] = (reasons[why] or 0) + 1 end
  end
end
OPERATION.count(record, counts, reasons)
local state = OPERATION.advance(record, place and FIND.text(place.at), place and place.id, more)
return { state, record.tenant, record.action, acted }
