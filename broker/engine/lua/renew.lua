-- renew: the heartbeat of running tasks: prolongs their leases, stores progress, and shows them to RQ's tools.
-- KEYS[1] prefix
-- ARGV[1] lease_us
-- ARGV[2] worker_ttl  seconds that a worker's record outlives its last heartbeat
-- ARGV[3..] runs  worker, task id, execution, progress as JSON or '', and so on for each run
-- Returns the executions that are over: their runs must be stopped
-- @include task
local stale = {}
for i = 1, #runs, 4 do
  local worker, id, execution, progress = runs[i], runs[i + 1], runs[i + 2], runs[i + 3]
  local task = read_task(id)
  if not owns_run(task, execution) then
    stale[#stale + 1] = execution
  else
    set_lease(task, execution, tonumber(lease_us))
    SHARE.charge_so_far(task)
    call('HSET', task.key, 'last_heartbeat', at_least_begun(task))
    if progress ~= '' then
      if listeners(task.tenant).live > now and call('HGET', task.key, 'progress') ~= progress then
        tell(task.tenant, 'progress', { task = id, type = task.type, progress = progress })
      end
      call('HSET', task.key, 'progress', progress)
    end
    local run = id .. ':' .. execution
    if task.last_heartbeat < task.started_at then -- first beat: RQ's records of the run
      call('HSET', KEY.execution(id, execution), 'id', execution, 'job_id', id, 'worker_name', worker,
        'created_at', math.floor(now / 1000000), 'last_heartbeat', math.floor(now / 1000000))
      call('ZADD', KEY.executions(id), math.floor(now / 1000000 + 86400), execution)
      call('SADD', KEY.worker_executions(worker), run)
    end
    call('EXPIRE', KEY.execution(id, execution), 86400)
    call('EXPIRE', KEY.executions(id), 86400)
    call('EXPIRE', KEY.worker_executions(worker), worker_ttl)
  end
  call('HSET', KEY.worker(worker), 'last_heartbeat', at())
  call('EXPIRE', KEY.worker(worker), worker_ttl)
end
return stale
