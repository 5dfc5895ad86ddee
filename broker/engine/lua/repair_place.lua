-- repair_place: takes a task out of a place where it does not belong, enters it in the indexes that lack it, and puts it
-- back in line if its hold is gone.
-- KEYS[1] prefix
-- ARGV[1] place  a key without the prefix, '' for none
-- ARGV[2] member  of that key, or the id of a task
-- ARGV[3] reorder  1 for a task that stands in its own queue twice or out of order: it goes to the end
-- Returns 1 when something changed. A payload that is lost stays so: its task has to be deleted
-- @include spoilt_fields
-- @include status_keys
-- @include waits
-- @include wake
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
local home = task and PLACE.home_of(task) or {}
if PLACE.is_queue(place) and (home[place] ~= member or reorder == '1') then
  changed = call('LREM', PLACE.key_of(place), 0, member)
  if home[place] == member then
    call('HSET', task.key, 'seq', next_seq(task.queue))
    append(task)
  end
elseif not PLACE.is_queue(place) and place ~= '' and home[place] ~= member then
  changed = call('ZREM', PLACE.key_of(place), member)
end
if task and task.status == 'pending' and task.held and not HOLD.exists(task.held) then
  local order = call('ZSCORE', KEY.held(task.held), task.id) or now
  LINE.leave(task)
  task.held = nil
  LINE.enter(task, order)
  wake(task.type, task.queue)
  changed = 1
end
for key, name in pairs(home) do
  if PLACE.is_index(key) and RANK[task.status] then
    changed = changed + call('ZADD', PLACE.key_of(key), 'CH', score_of(task.status, task.us), name)
    cache.waiting[PLACE.key_of(key)] = nil
  end
end
if task then
  changed = changed + call('PERSIST', task.key)
  if WAITS.mend(task) then changed = 1 end
  if not WAITS.in_flow(task) then
    FLOW.move(task, task.status)
    FLOW.look(task.tenant, task.flow)
    changed = 1
  end
end
return math.min(changed, 1)
