-- finish: ends a run well and takes the worker's next task in the same round trip.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] execution
-- ARGV[3] result
-- ARGV[4] worker
-- ARGV[5] next_execution  '' when the worker wants no more
-- ARGV[6] lease_us
-- ARGV[7] group
-- ARGV[8] used  by the run, as in usage.lua, or ''
-- ARGV[9] media_id  the record that `info` goes into, or ''
-- ARGV[10..] info
-- Returns {outcome, next}: 'completed', or 'stale' when the run was no longer this caller's; next as claim returns it
-- Moves processing -> completed
-- Begins run worker execution
-- @include claim
-- @include ending
-- @include usage
local task = read_run(id, worker, granted)
local outcome = 'stale'
local fresh = owns_run(task, execution)
if granted and not fresh then compare_life() end
if fresh then
  outcome = 'completed'
  end_run(task, true)
  reindex(task, 'completed')
  call('HSET', task.key, 'status', 'finished', 'lease', execution .. ' completed', 'ended_at', at(), 'outcome', result)
  if task.troubled then
    call('HDEL', task.key, 'error', 'crashes', 'crashed_at')
    call('DEL', KEY.results(id))
  end
  if media_id ~= '' and #info > 0 then
    local f = call('HMGET', KEY.media(media_id), 'id', 'keep_source')
    if f[1] then call('HSET', KEY.media(media_id), unpack(info)) end
    if f[2] == '0' then call('ZADD', KEY.sources_due(), now, media_id) end
  end
  local took = SHARE.has_run_for(task)
  call('HINCRBY', KEY.durations(task.tenant), task.type, took)
  COUNT.observe(task.type, 'run', took)
  USAGE.end_run(task, used)
  enter_end(task, 'completed')
elseif ended_as(task, execution) == 'completed' then
  outcome = 'completed'
end
return { outcome, after_run(task, fresh, worker, next_execution, tonumber(lease_us), group) }
