-- displace: takes a task out of a place where it does not belong, and enters it in the indexes that lack it.
-- KEYS[1] prefix
-- ARGV[1] place  a key without the prefix, '' for none
-- ARGV[2] member  of that key, or the id of a task
-- ARGV[3] reorder  1 for a task that stands in its own queue twice or out of order: it goes to the end
-- Returns 1 when something changed
-- @include home
local task = read_task(string.match(member, '^[^:]+'))
local home = task and home_of(task) or {}
local changed = 0
if is_queue(place) and (home[place] ~= member or reorder == '1') then
  changed = call('LREM', P .. place, 0, member)
  if home[place] == member then
    call('HSET', task.key, 'seq', next_seq(task.queue))
    append(task)
  end
elseif not is_queue(place) and place ~= '' and home[place] ~= member then
  changed = call('ZREM', P .. place, member)
end
for key, name in pairs(home) do
  if is_index(key) and RANK[task.status] then
    changed = changed + call('ZADD', P .. key, 'CH', score_of(task.status, task.us), name)
    kept.waiting[P .. key] = nil
  end
end
if task then changed = changed + call('PERSIST', task.key) end
return math.min(changed, 1)
