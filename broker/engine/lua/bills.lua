-- bills: what tells for what some tasks have waited: fields of theirs, and what the logs of waits say of their moments.
-- Changes nothing.
-- KEYS[1] prefix
-- ARGV[1..] ids
-- Returns {looks, rows, logs, entries}. Looks: {type, microsecond of the last look, ...}. Rows: {id, those fields, '' for
-- none} for each task that is there. Logs: {type, subject, number of its first entry or 0, {microsecond, number of the
-- entry in force then or 0, ...}} of each log that is concerned. Entries, from 1: {id, reason, sums, base}
-- @include base
local FIELDS = { 'status', 'origin', 'tenant', 'group', 'runs', 'created_at', 'enqueued_at', 'started_at', 'scheduled_at',
  'released_at', 'depends_on', 'version', 'held_spans' }
local rows, logs, entries, log_of = {}, {}, {}, {}

-- The number of an entry of a log, as XRANGE has it.
local function number_of(log, entry)
  if not entry then return 0 end
  local number = log.numbers[entry[1]]
  if not number then
    local f = { reason = '', sums = '', base = '' }
    for i = 1, #entry[2], 2 do f[entry[2][i]] = entry[2][i + 1] end
    number = #entries + 1
    entries[number], log.numbers[entry[1]] = { entry[1], f.reason, f.sums, f.base }, number
  end
  return number
end

-- Most tenants have no log, and are not asked about again.
local function find_log(type_name, subject)
  local key = KEY.wait_log(type_name, subject)
  if not log_of[key] then
    local log = { key = key, points = {}, seen = {}, numbers = {} }
    log.first = number_of(log, call('XRANGE', key, '-', '+', 'COUNT', 1)[1])
    log_of[key] = log
    logs[#logs + 1] = { type_name, subject, log.first, log.points }
  end
  return log_of[key]
end

local function note(log, us)
  if log.seen[us] then return end
  log.seen[us] = true
  local ms = math.floor(us / 1000)
  local id, count = string.format('%.0f-%d', ms, us - ms * 1000), #log.points
  log.points[count + 1] = us
  log.points[count + 2] = number_of(log, call('XREVRANGE', log.key, id, '-', 'COUNT', 1)[1])
end

for _, id in ipairs(ids) do
  local f = call('HMGET', KEY.job(id), unpack(FIELDS))
  if f[1] and f[2] then
    local type_name, moments, subjects = type_of(f[2]), {}, { '', f[3] or '' }
    for _, field in ipairs({ 6, 7, 8 }) do moments[#moments + 1] = microseconds(f[field]) end
    for us in string.gmatch(f[13] or '', '%d+') do moments[#moments + 1] = tonumber(us) end
    if f[4] and f[4] ~= '' then subjects[3] = subjects[2] .. ':' .. f[4] end
    for _, subject in ipairs(subjects) do
      local log = find_log(type_name, subject)
      if log.first > 0 then
        for _, us in ipairs(moments) do note(log, us) end
      end
    end
    local row = { id }
    for i = 1, #FIELDS do row[i + 1] = f[i] or '' end
    rows[#rows + 1] = row
  end
end
return { call('HGETALL', KEY.waits_sampled()), rows, logs, entries }
