-- take_part: gives a run the next parts of a shared work that nobody makes or has made.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] execution
-- ARGV[3] lead  the task whose work it is, which may be the run's own; what that has begun nobody else is given
-- ARGV[4] work  as share_work was told
-- ARGV[5] most  of the parts in the order of their names, those that the run has already included
-- Returns {0} when the run is over, else {1, number of parts that others make} and the names of those that are the run's now
-- @include task
local task = read_task(id)
if not owns_run(task, execution) then return { 0 } end
local key, names, parts = KEY.parts(lead), {}, {}
local reply, mine = { 1, 0 }, id .. ' ' .. execution
local flat = call('HGETALL', key)
for i = 1, #flat, 2 do
  parts[flat[i]] = flat[i + 1]
  names[#names + 1] = flat[i]
end
if parts[''] ~= work then return reply end
table.sort(names)
for _, name in ipairs(names) do
  local holder, run = string.match(parts[name], '^(%S+) (%S+)$')
  if name ~= '' and parts[name] ~= 'done' then
    if holder and holder ~= id and (holder == lead or owns_run(read_task(holder), run)) then
      reply[2] = reply[2] + 1
    elseif #reply - 2 < tonumber(most) then
      if parts[name] ~= mine then call('HSET', key, name, mine) end
      reply[#reply + 1] = name
    end
  end
end
return reply
