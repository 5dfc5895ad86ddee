-- workers: live workers, what each listens to and what it runs, of one moment.
-- KEYS[1] prefix
-- ARGV[1..] names  of fields of RQ's worker record
-- Returns {key, type of the task that it runs or '', since when or '', whether it takes nothing more, those fields...}
-- for each
-- @include obstacles
local rows = {}
for _, key in ipairs(call('SMEMBERS', KEY.workers())) do
  local state = OBSTACLE.state_of(key)
  if state then
    local job = state == 'busy' and call('HGET', key, 'current_job')
    local task = job and read_task(job)
    local runs = task and task.status == 'processing' and task.worker == string.sub(key, #P + 8)
    local drained = call('EXISTS', KEY.draining(string.sub(key, #P + 8)))
    rows[#rows + 1] = { key, runs and task.type or '', runs and task.started_at or '', drained, unpack(call('HMGET', key, unpack(names))) }
  end
end
return rows
