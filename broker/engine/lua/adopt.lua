-- adopt: puts tasks in line that stand in a slice of RQ's list of a queue and in no line, where an older release, which
-- knows no lines, has put them. Claims do so themselves only where nobody else has tasks in line.
-- KEYS[1] prefix
-- ARGV[1] queue
-- ARGV[2] first  index in the list, below 0 from its end
-- ARGV[3] last
-- Returns {id, ...} of those that got in line
-- @include task
-- @include wake
local adopted = {}
for _, id in ipairs(call('LRANGE', KEY.rq_queue(queue), first, last)) do
  local _, is_new = LINE.adopt(read_task(id), queue)
  if is_new then adopted[#adopted + 1] = id end
end
if #adopted > 0 then wake(type_of(queue), queue) end
return adopted
