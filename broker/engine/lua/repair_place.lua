-- repair_place: takes a task out of a place where it does not belong, and enters it in the indexes that lack it.
-- KEYS[1] prefix
-- ARGV[1] place  a key without the prefix, '' for none
-- ARGV[2] member  of that key, or the id of a task
-- ARGV[3] reorder  1 for a task that stands in its own queue twice or out of order: it goes to the end
-- Returns 1 when something changed. A payload that is lost stays so: its task has to be deleted
-- @include spoilt_fields
-- @include home
local task = read_task(string.match(member, '^[^:]+'))
local changed = 0
for _, name in ipairs(task and bad_fields(task) or {}) do
  if name == 'created_at' then
    call('HSET', task.key, name, iso(tonumber(task.us) or now))
  elseif name == 'us' then
    call('HSET', task.key, name, int(microseconds(call('HGET', task.key, 'created_at')) or now))
  elseif NUMBERS[name] then
    call('HSET', task.key, name, NUMBERS[name])
  elseif name ~= 'payload' then
    call('HDEL', task.key, name)
  end
  if name ~= 'payload' then changed = 1 end
end
task = task and read_task(task.id)
local home = task and home_of(task) or {}
if is_queue(place) and (home[place] ~= member or reorder == '1') then
  changed = call('LREM', key_of(place), 0, member)
  if home[place] == member then
    call('HSET', task.key, 'seq', next_seq(task.queue))
    append(task)
  end
elseif not is_queue(place) and place ~= '' and home[place] ~= member then
  changed = call('ZREM', key_of(place), member)
end
for key, name in pairs(home) do
  if is_index(key) and RANK[task.status] then
    changed = changed + call('ZADD', key_of(key), 'CH', score_of(task.status, task.us), name)
    cache.waiting[key_of(key)] = nil
  end
end
if task then changed = changed + call('PERSIST', task.key) end
return math.min(changed, 1)
