-- @include acting
-- @include audit
-- @include task_filters
-- Operations: one act on all tasks of a tenant that fit, done step by step. A step finds some, acts on them and notes how far
-- it has come, all in one script; so whoever dies between two, the next goes on, and no task is acted on twice.
-- `counted`: tasks of a dry run that one script looks at; each takes it as much as ten that do not fit.
local OPERATION = { kept = 1000, trimmed = 10, counted = 80 }

-- The record of an operation, nil where there is none.
function OPERATION.read(id)
  local f = call('HMGET', KEY.operation(id), 'tenant', 'action', 'filter', 'force', 'dry_run', 'state', 'us', 'until', 'moment',
    'beyond', 'actor')
  if not f[1] then return nil end
  return { id = id, key = KEY.operation(id), tenant = f[1], action = f[2], filter = f[3], force = f[4] == '1', dry_run = f[5] == '1',
    state = f[6], us = tonumber(f[7]), bound = tonumber(f[8]), moment = f[9], beyond = f[10], actor = f[11] }
end

-- What is wanted of tasks that were there when it began.
function OPERATION.wanted(record)
  local what = FIND.read(record.tenant, record.filter)
  what.last = math.min(what.last, record.bound)
  return what
end

-- Where an operation stands that has not ended.
function OPERATION.open(action)
  return action == 'reprocess' and KEY.reprocessings_open() or KEY.operations_open()
end

-- How many videos one has to look at, all of which were uploaded before it.
function OPERATION.videos(tenant, filter)
  local wanted = cjson.decode(filter)
  if wanted.ids then return #wanted.ids end
  return call('ZCOUNT', KEY.media_index(tenant, 'video'), wanted.first and int(wanted.first) or '-inf', int(math.min(wanted.last or now, now)))
end

-- Adds to its counts; `why`: reason -> how many were skipped or failed for it.
function OPERATION.count(record, counts, why)
  for name, count in pairs(counts) do
    if count > 0 then call('HINCRBY', record.key, name, count) end
  end
  for reason, count in pairs(why) do call('HINCRBY', record.key, 'why:' .. string.sub(reason, 1, 100), count) end
end

-- Notes how far it has come, and ends it where nothing is left; its state.
function OPERATION.advance(record, moment, beyond, more)
  if moment then call('HSET', record.key, 'moment', moment, 'beyond', beyond) end
  if not more then
    record.state = 'completed'
    OPERATION.finish(record, record.state)
  end
  return record.state
end

-- Ends it, and tells so in the audit log.
function OPERATION.finish(record, state)
  call('HSET', record.key, 'state', state, 'ended_at', at())
  call('ZREM', OPERATION.open(record.action), record.id)
  call('HDEL', record.key, 'waits_for')
  if record.dry_run then return end
  local counts = call('HMGET', record.key, 'matched', 'done', 'skipped', 'failed')
  local told = {}
  for i, name in ipairs({ 'matched', 'done', 'skipped', 'failed' }) do told[name] = tonumber(counts[i] or nil) or 0 end
  note_audit(record.actor or '', 'operation.' .. state, record.id, '', cjson.encode(told))
end

-- When the last run of a task has ended that waits again.
function OPERATION.last_run(task)
  local read, list = pcall(cjson.decode, task.attempts or '[]')
  local last = read and type(list) == 'table' and list[#list]
  return type(last) == 'table' and type(last.ended_at) == 'string' and microseconds(last.ended_at) or 0
end

-- Why nothing is done to a task: '' when something is; nil when it has come to be wanted only after the operation began.
function OPERATION.refusal(record, task)
  if record.action == 'cancel' then
    if WAITING[task.status] then return OPERATION.last_run(task) <= record.us and '' or nil end
    return task.status == 'processing' and record.force and '' or task.status
  end
  if record.action == 'retry' and task.status ~= 'failed' or not TERMINAL[task.status] then return task.status end
  if (microseconds(call('HGET', task.key, 'ended_at')) or 0) > record.us then return nil end
  if record.action == 'retry' and ACT.holds_its_key(task) then return 'unique_key_taken' end
  return record.action == 'retry' and task.retry_count >= task.max_retries and not record.force and 'retries_exhausted' or ''
end

-- What the record of a media file may note of a task that is deleted: the id of the file and the plugin.
function OPERATION.noted(task)
  local read, payload = pcall(cjson.decode, call('HGET', task.key, 'payload') or '')
  local plugin, media = read and type(payload) == 'table' and payload.plugin_name, read and type(payload) == 'table' and payload.media_id
  if type(plugin) ~= 'string' or type(media) ~= 'string' then return '', '' end
  media = string.gsub(string.lower(media), '^(%x%x%x%x%x%x%x%x)(%x%x%x%x)(%x%x%x%x)(%x%x%x%x)(%x%x%x%x%x%x%x%x%x%x%x%x)$', '%1-%2-%3-%4-%5')
  return media, plugin
end

-- Does it. What was done is added to `acted`: id, type, the status that it had, media file and plugin.
function OPERATION.act(record, task, prefix, acted)
  local from, media, plugin = task.status, '', ''
  if record.action == 'cancel' then
    ACT.cancel(task, record.force)
  elseif record.action == 'retry' then
    ACT.retry(task, record.id)
  else
    media, plugin = OPERATION.noted(task)
    ACT.delete(task, media, prefix .. plugin)
  end
  for _, value in ipairs({ task.id, task.type, from, media, plugin }) do acted[#acted + 1] = value end
end

-- One task: 'done', 'skipped' (and why), 'failed' (and why), or nil when it is none of the operation's.
function OPERATION.take(record, id, prefix, acted)
  local task = read_task(id)
  if not task or task.tenant ~= record.tenant then return nil end
  local why = OPERATION.refusal(record, task)
  if not why then return nil end
  if why ~= '' then return 'skipped', why end
  if record.dry_run then return 'done' end
  -- One that a foreign hand has spoilt must not stop the others.
  local worked, message = pcall(OPERATION.act, record, task, prefix, acted)
  if worked then return 'done' end
  return 'failed', type(message) == 'table' and message.err or tostring(message)
end
