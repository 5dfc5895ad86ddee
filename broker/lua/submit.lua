-- submit: accepts a task, into its queue or into the schedule, with its media record if it comes with one.
-- KEYS[1] prefix
-- ARGV[1] id  a repeat with the same id changes nothing
-- ARGV[2] tenant
-- ARGV[3] type
-- ARGV[4] queue
-- ARGV[5] payload
-- ARGV[6] data
-- ARGV[7] max_retries
-- ARGV[8] timeout
-- ARGV[9] due_us
-- ARGV[10] delay_us
-- ARGV[11] unique_key
-- ARGV[12] max_pending
-- ARGV[13] media_id
-- ARGV[14] media_kind
-- ARGV[15..] media_fields
-- Returns {1, id} when created, {0, id} when that task was there, {-1, waiting} when too many wait
-- Moves none -> pending
-- Moves none -> scheduled
-- @include task
-- @include wake
local task = { id = id, key = P .. 'job:' .. id, queue = queue, type = type, tenant = tenant, us = int(now) }
if call('EXISTS', task.key) == 1 then return { 0, id } end
local unique = unique_key ~= '' and B .. 'unique:' .. tenant .. ':' .. type .. ':' .. unique_key
if unique then
  local holder = call('GET', unique)
  if holder and call('EXISTS', P .. 'job:' .. holder) == 1 then return { 0, holder } end
end
local waiting = call('ZCARD', status_index(task, 'pending'))
if tonumber(max_pending) > 0 and waiting >= tonumber(max_pending) then return { -1, waiting } end

local due = tonumber(due_us)
if tonumber(delay_us) > 0 then due = now + tonumber(delay_us) end
local status = due > now and 'scheduled' or 'pending'
call('HSET', task.key, 'created_at', iso(now), 'us', task.us, 'status', RQ_STATUS[status], 'origin', queue,
  'data', data, 'description', type .. ' for ' .. tenant, 'timeout', timeout, 'tenant', tenant, 'payload', payload,
  'max_retries', max_retries, 'seq', status == 'pending' and next_seq(queue) or 0)
if unique then
  call('HSET', task.key, 'unique', unique_key)
  call('SET', unique, id)
end
if media_id ~= '' then
  call('HSET', B .. 'media:' .. media_id, 'created_at', iso(now), unpack(media_fields))
  call('ZADD', B .. 'media:' .. tenant .. ':' .. media_kind, task.us, media_id)
end
call('ZADD', B .. 'tasks:' .. tenant, task.us, id)
call('ZADD', status_index(task, status), task.us, id)
if waiting == 0 then call('SADD', B .. 'tenants', tenant) end
if status == 'scheduled' then
  call('HSET', task.key, 'scheduled_at', iso(due))
  call('ZADD', B .. 'due', int(due), id)
  call('ZADD', P .. 'scheduled:' .. queue, int(due / 1000000), id)
  call('SADD', P .. 'queues', P .. 'queue:' .. queue)
else
  append(task)
  wake(type)
end
announce(task, status)
return { 1, id }
