-- share_work: tells of which parts the work of a run consists, and has so many tasks wait that help to make them.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] execution
-- ARGV[3] work  what is made of what: what is known of the parts of anything else is forgotten
-- ARGV[4] payload  of each task that helps
-- ARGV[5] options  of each, as in submit
-- ARGV[6] bounds  as in submit
-- ARGV[7] helpers  how many there are to be, with those that wait or run already; as many ids begin the list
-- ARGV[8..] told  ids for new tasks, then the names of all parts
-- Returns {0} when the run is over, else {1} and the ids of the new tasks, which are none where a limit or a quota refuses them
-- Moves none -> pending
-- @include ending
-- @include submit
local lead = read_task(id)
if not owns_run(lead, execution) then return { 0 } end
local key, links, wanted = KEY.parts(id), KEY.links(id), tonumber(helpers)
if call('HGET', key, '') ~= work then
  call('DEL', key)
  call('HSET', key, '', work)
end
for i = wanted + 1, #told do call('HSETNX', key, told[i], '') end
call('HSETNX', lead.key, 'flow', '')
call('ZADD', links, 1, LINKS.parts)
local left = wanted
for _, member in ipairs(call('ZRANGEBYSCORE', links, 1, 1)) do
  local other = string.match(member, '^%' .. LINKS.assistant .. '(.+)$')
  local known = other and read_task(other)
  if known and not TERMINAL[known.status] then
    left = left - 1
  elseif other then
    call('ZREM', links, member)
  end
end
SUBMIT.trace = ''
local tasks, reply = {}, { 1 }
for i = 1, left do tasks[i] = SUBMIT.new_task(told[i], lead.tenant, payload, options) end
if left < 1 or SUBMIT.accept(tasks, bounds) then return reply end
for _, new in ipairs(tasks) do
  LINE.stop_aging(new) -- whoever stands above the background has what runs give way
  call('HSET', new.key, 'part_of', id)
  call('ZADD', links, 1, LINKS.assistant .. new.id)
  reply[#reply + 1] = new.id
end
return reply
