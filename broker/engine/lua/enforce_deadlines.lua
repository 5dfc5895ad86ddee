-- enforce_deadlines: ends tasks of which no run has begun by their deadline.
-- KEYS[1] prefix
-- ARGV[1] limit  of deadlines that are looked at
-- Returns {id, type, tenant, trace of each that was cancelled, how many were looked at, microseconds until the next deadline or -1}
-- Moves pending -> cancelled
-- Moves scheduled -> cancelled
-- @include deadlines
local cancelled = {}
local passed = call('ZRANGEBYSCORE', KEY.deadlines(), '-inf', now, 'LIMIT', 0, limit)
for _, id in ipairs(passed) do
  local task = read_task(id)
  if not task then
    call('ZREM', KEY.deadlines(), id)
  elseif DEADLINE.pass(task) then
    for _, value in ipairs({ id, task.type, task.tenant, trace_of(task) }) do cancelled[#cancelled + 1] = value end
  end
end
cache.deadline = nil
local first = DEADLINE.first()
return { cancelled, #passed, first < math.huge and math.max(0, first - now) or -1 }
