-- create_operation: notes an operation that is to be done from now on; one that changes nothing and can be counted is over at once.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] tenant
-- ARGV[3] action  'cancel', 'retry', 'delete' or 'reprocess'
-- ARGV[4] filter  JSON, as task_filters.lua reads it; of videos `ids`, or `first` and `last` microsecond of their upload
-- ARGV[5] asked  the filter as it is shown, JSON
-- ARGV[6] force
-- ARGV[7] dry_run
-- ARGV[8] most  operations of the tenant that may be open
-- ARGV[9] actor  for the audit log, as `broker.actor` makes it
-- ARGV[10] how  of tasks that it makes, JSON, or ''
-- ARGV[11] trace  of the request, for these, as in submit
-- Returns 1, 0 when there is one of this id already, -1 when too many are open
-- @include operations
local key = KEY.operation(id)
if call('EXISTS', key) == 1 then return 0 end
local others = 0
for _, each in ipairs(call('ZREVRANGE', KEY.operations(tenant), 0, tonumber(most) * 10)) do
  if call('HGET', KEY.operation(each), 'state') == 'running' then others = others + 1 end
end
if others >= tonumber(most) then return -1 end

-- Tasks of a batch are created some microseconds after each other, the last of them perhaps in a moment.
local bound, candidates, counted = now, 0, false
if action == 'reprocess' then
  candidates = OPERATION.videos(tenant, filter)
else
  local what, places = FIND.read(tenant, filter), nil
  what.up = true
  places, candidates = FIND.places(what)
  counted = dry_run == '1' and not what.looks and (action ~= 'retry' or force == '1')
  if what.ids then places, candidates = {}, #what.ids end
  for _, place in ipairs(places) do
    local newest = call('ZREVRANGEBYSCORE', place[1], place[4], place[3], 'WITHSCORES', 'LIMIT', 0, 1)[2]
    bound = math.max(bound, newest and math.min(tonumber(newest) - place[2], now + 1000) or 0)
  end
end
call('HSET', key, 'tenant', tenant, 'action', action, 'filter', filter, 'asked', asked, 'force', force, 'dry_run', dry_run, 'state', 'running',
  'us', now, 'until', bound, 'created_at', at(), 'candidates', candidates, 'moment', '', 'beyond', '', 'actor', actor)
if how ~= '' then call('HSET', key, 'how', how, 'trace', trace) end
call('ZADD', KEY.operations(tenant), now, id)
call('ZADD', OPERATION.open(action), now, id)
if counted then
  call('HSET', key, 'examined', candidates, 'matched', candidates, 'done', candidates)
  OPERATION.finish(OPERATION.read(id), 'completed')
end
if dry_run ~= '1' then
  local told = cjson.encode({ action = action, filter = cjson.decode(asked), force = force == '1' })
  if how ~= '' then told = string.sub(told, 1, -2) .. ',"how":' .. how .. '}' end -- as it is: an empty list has no other form here
  note_audit(actor, 'operation.created', id, '', told)
end

-- The oldest that have ended go, beyond the number that is kept.
local many = call('ZCARD', KEY.operations(tenant)) - OPERATION.kept
for _, each in ipairs(many > 0 and call('ZRANGE', KEY.operations(tenant), 0, math.min(many, OPERATION.trimmed) - 1) or {}) do
  if call('HGET', KEY.operation(each), 'state') ~= 'running' then
    call('DEL', KEY.operation(each))
    call('ZREM', KEY.operations(tenant), each)
  end
end

return 1
