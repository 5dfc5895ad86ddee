-- finish: ends a run well and takes the worker's next task in the same round trip.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] execution
-- ARGV[3] result
-- ARGV[4] worker
-- ARGV[5] next_execution  '' when the worker wants no more
-- ARGV[6] lease_us
-- ARGV[7] group
-- ARGV[8] media_id  the record that `info` goes into, or ''
-- ARGV[9..] info
-- Returns {outcome, next}: 'completed', or 'stale' when the run was no longer this caller's; next as claim returns it
-- Moves processing -> completed
-- @include claim
local task = read_run(id, worker)
local outcome = 'stale'
local fresh = owns_run(task, execution)
if fresh then
  outcome = 'completed'
  end_run(task)
  reindex(task, 'completed')
  call('HSET', task.key, 'status', 'finished', 'lease', execution .. ' completed', 'ended_at', at(), 'outcome', result)
  if task.troubled then
    call('HDEL', task.key, 'error', 'crashes')
    call('DEL', KEY.results(id))
  end
  if media_id ~= '' and #info > 0 and call('EXISTS', KEY.media(media_id)) == 1 then
    call('HSET', KEY.media(media_id), unpack(info))
  end
  local took = math.max(0, now - (microseconds(task.started_at) or now))
  call('HINCRBY', KEY.durations(task.tenant), task.type, took)
  enter_end(task, 'completed')
elseif ended_as(task, execution) == 'completed' then
  outcome = 'completed'
end
return { outcome, after_run(task, fresh, worker, next_execution, tonumber(lease_us), group) }
