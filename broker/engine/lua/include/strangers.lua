-- @include base
-- Jobs in our queues that are none of our tasks: another program has put them there. They go into an RQ queue of their
-- own, where `rq info` shows them, and where their owner or a stock worker can take them.
local STRANGERS = 'set-aside'

-- Is there a job of this id, which is no task of ours?
local function is_stranger(id)
  local f = call('HMGET', KEY.job(id), 'created_at', 'tenant')
  return f[1] and not f[2]
end

local function set_aside(id)
  local list = KEY.rq_queue(STRANGERS)
  call('HSET', KEY.job(id), 'origin', STRANGERS)
  call('RPUSH', list, id)
  call('SADD', KEY.rq_queues(), list)
end
