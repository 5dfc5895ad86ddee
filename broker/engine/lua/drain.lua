-- drain: has a worker take nothing more. It ends what it runs; what it was woken for, or watched for, is for another.
-- KEYS[1] prefix
-- ARGV[1] worker
-- ARGV[2] ttl  seconds that this is known after the worker has last said that it is there
-- ARGV[3] actor  as audit.lua takes it
-- Returns 1, or 0 when there is no such worker
-- @include audit
-- @include wake
local queues = call('HGET', KEY.worker(worker), 'queues')
if not queues then return 0 end
local drained = call('EXISTS', KEY.draining(worker)) == 1
call('SET', KEY.draining(worker), '1', 'EX', ttl)
if not drained then note_audit(actor, 'worker.drained', worker, '', '') end
clear_cache()
for _, group in ipairs(groups()) do call('SREM', KEY.idle(group), worker) end
for type_name in string.gmatch(queues, '[^,]+') do
  local s = limits(type_name)
  if s.watcher == worker and s.alarm > 0 then
    s.alarm = 0
    call('HSET', KEY.limits(type_name), 'alarm', '0')
  end
  if has_work(type_name) then wake(type_name) end
end
return 1
