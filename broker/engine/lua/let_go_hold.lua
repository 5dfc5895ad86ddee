-- let_go_hold: takes a hold out of force and puts some of what it holds back in line, where it stood.
-- KEYS[1] prefix
-- ARGV[1] hold  its id
-- ARGV[2] limit
-- Returns how many it still holds, or -1 when there is no such hold
-- @include pending
local text = call('HGET', KEY.holds(), hold)
if not text then return -1 end
local record = HOLD.read(text) or {}
if not record.lifted then
  record.lifted, record.settled = true, nil
  call('HSET', KEY.holds(), hold, cjson.encode(record))
  clear_cache()
end
local rows = call('ZPOPMIN', KEY.held(hold), limit)
for i = 1, #rows, 2 do
  local task = read_task(rows[i])
  if task and task.status == 'pending' and task.held == hold then
    HOLD.unpark(task)
    LINE.enter(task, rows[i + 1])
    wake(task.type, task.queue)
  end
end
local left = call('ZCARD', KEY.held(hold))
if left == 0 then
  call('HDEL', KEY.holds(), hold)
  clear_cache()
end
return left
