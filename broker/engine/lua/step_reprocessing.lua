-- step_reprocessing: goes on with an operation that transcodes videos again: makes the tasks of some, and notes how far it has come.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] from  the place from which these videos were looked for: the record's, as 'moment beyond'
-- ARGV[3] moment  the place to which that has come
-- ARGV[4] beyond  the rest of it
-- ARGV[5] more  '1' when others are left behind it
-- ARGV[6] counts  of the videos that were looked at, JSON: examined, matched, skipped, failed, and of the last two `why`: reason -> how many
-- ARGV[7] bounds  as in submit
-- ARGV[8..] fields  three for each task: id, payload, options, as in submit_many
-- Returns {its state ('' when there is none), 'stale' when it stands elsewhere by now, 'refused' when the tasks have no room, else 'done', then the number from 0 of each task that was made}
-- Moves none -> pending
-- @include operations
-- @include submit
local record = OPERATION.read(id)
if not record then return { '', 'stale' } end
if record.state ~= 'running' or record.moment .. ' ' .. record.beyond ~= from then return { record.state, 'stale' } end

local tasks, made = {}, {}
for i = 1, #fields, 3 do tasks[#tasks + 1] = SUBMIT.new_task(fields[i], record.tenant, fields[i + 1], fields[i + 2]) end
if record.dry_run and tasks[1] then
  SUBMIT.find_new(tasks)
elseif tasks[1] then
  SUBMIT.trace, SUBMIT.asks_again = call('HGET', record.key, 'trace') or '', true
  local worked, refused = pcall(SUBMIT.accept, tasks, bounds)
  SUBMIT.asks_again = false
  if not worked then error(refused) end
  if refused then
    call('HSET', record.key, 'waits_for', refused[1] == -1 and 'queue_full' or 'quota_exceeded')
    return { record.state, 'refused' }
  end
end

local told = cjson.decode(counts)
local reasons, there = told.why, 0
for i, task in ipairs(tasks) do
  if task.holder then there = there + 1 elseif not record.dry_run then made[#made + 1] = i - 1 end
end
if there > 0 then reasons.in_progress = there end
OPERATION.count(record, { examined = told.examined, matched = told.matched, skipped = told.skipped + there, failed = told.failed,
  done = #tasks - there }, reasons)
call('HDEL', record.key, 'waits_for')
return { OPERATION.advance(record, moment, beyond, more == '1'), 'done', unpack(made) }
