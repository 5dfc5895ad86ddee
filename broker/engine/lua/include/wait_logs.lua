-- @include obstacles
-- Logs of why the next task of a type does not start, one entry for each change, so that the wait of any task can be told
-- afterwards. An entry holds the reason from then on, and `sums`: for how many microseconds each reason was before.
-- Beside the log of a type, that of a tenant, or of a group of it ('tenant:group'), tells only while it waits for a reason
-- of its own, which takes the place of what is above it: the sums are what to add to those, and `base` what those were
-- when it began.
local WAITLOG = {}

-- Entries that a log keeps, about; a tenant's is gone when nothing was written for so long.
WAITLOG.KEPT_OF_TYPE, WAITLOG.KEPT_OF_TENANT, WAITLOG.KEPT_SECONDS = 20000, 2000, 604800

function WAITLOG.read(text)
  local sums = {}
  for reason, us in string.gmatch(text or '', '([%w_]+)=(-?%d+)') do sums[reason] = tonumber(us) end
  return sums
end

function WAITLOG.text(sums)
  local parts = {}
  for reason, us in pairs(sums) do
    if us ~= 0 then parts[#parts + 1] = reason .. '=' .. int(us) end
  end
  table.sort(parts)
  return table.concat(parts, ' ')
end

-- Adds `factor` times the one to the other.
function WAITLOG.add(sums, more, factor)
  for reason, us in pairs(more) do sums[reason] = (sums[reason] or 0) + factor * us end
end

-- Of Redis' form <milliseconds>-<number>: a microsecond, to be found by it.
function WAITLOG.entry_id(us)
  local ms = math.floor(us / 1000)
  return int(ms) .. '-' .. int(us - ms * 1000)
end

-- {at, reason, sums, base} of the newest entry, nil without one.
function WAITLOG.last(key)
  local entry = call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1]
  if not entry then return nil end
  local ms, rest = string.match(entry[1], '^(%d+)-(%d+)$')
  local f = {}
  for i = 1, #entry[2], 2 do f[entry[2][i]] = entry[2][i + 1] end
  return { at = ms * 1000 + rest, reason = f.reason or '', sums = WAITLOG.read(f.sums), base = WAITLOG.read(f.base) }
end

-- What an open entry has come to at `us`; `above` are the sums of what is above it then, nil for the log of a type.
function WAITLOG.sums_at(last, us, above)
  local sums = {}
  if not last then return sums end
  WAITLOG.add(sums, last.sums, 1)
  if last.reason ~= '' then
    WAITLOG.add(sums, { [last.reason] = us - last.at }, 1)
    if above then
      WAITLOG.add(sums, above, -1)
      WAITLOG.add(sums, last.base, 1)
    end
  end
  return sums
end

-- Notes that the reason is another from `us` on. Not when the clock has stepped back: then the old one goes on.
function WAITLOG.write(key, last, us, reason, above)
  if last and us <= last.at then return last end
  local new = { at = us, reason = reason, sums = WAITLOG.sums_at(last, us, above), base = above and reason ~= '' and above or {} }
  call('XADD', key, 'MAXLEN', '~', above and WAITLOG.KEPT_OF_TENANT or WAITLOG.KEPT_OF_TYPE, WAITLOG.entry_id(us), 'reason', reason, 'sums',
    WAITLOG.text(new.sums), 'base', WAITLOG.text(new.base))
  if above then call('EXPIRE', key, WAITLOG.KEPT_SECONDS) end
  return new
end

-- Notes the reason of a type.
function WAITLOG.note_type(type_name, reason)
  local key = KEY.wait_log(type_name, '')
  local last = WAITLOG.last(key)
  if not last or last.reason ~= reason then WAITLOG.write(key, last, now, reason) end
end

-- What is above the log of a tenant, or of a group, at a moment.
function WAITLOG.above(type_name, subject, us)
  local sums = WAITLOG.sums_at(WAITLOG.last(KEY.wait_log(type_name, '')), us)
  local tenant = string.match(subject, '^([^:]*):')
  if tenant then
    local of_type = WAITLOG.above(type_name, tenant, us)
    WAITLOG.add(sums, WAITLOG.sums_at(WAITLOG.last(KEY.wait_log(type_name, tenant)), us, of_type), 1)
  end
  return sums
end

-- Notes the reasons of tenants and groups, by subject, and ends what they do not name any more.
function WAITLOG.note_others(type_name, us, reasons)
  local open_key = KEY.wait_open(type_name)
  local flat, open, changed = call('HGETALL', open_key), {}, {}
  for i = 1, #flat, 2 do open[flat[i]] = flat[i + 1] end
  for subject, reason in pairs(reasons) do
    if open[subject] ~= reason then changed[subject] = reason end
  end
  for subject in pairs(open) do changed[subject] = changed[subject] or not reasons[subject] and '' or nil end
  for subject, reason in pairs(changed) do
    local key = KEY.wait_log(type_name, subject)
    WAITLOG.write(key, WAITLOG.last(key), us, reason, WAITLOG.above(type_name, subject, us))
    if reason == '' then call('HDEL', open_key, subject) else call('HSET', open_key, subject, reason) end
  end
end

-- Nobody has looked since then: what was is not known.
function WAITLOG.go_blind(type_name, since)
  WAITLOG.note_others(type_name, since, {})
  local key = KEY.wait_log(type_name, '')
  local last = WAITLOG.last(key)
  if last then WAITLOG.write(key, last, math.max(since, last.at + 1), 'unknown') end
end
