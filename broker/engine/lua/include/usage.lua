-- @include counts
-- The ledger: what runs have used, measured by their workers and written by the script that ends them, so once. A hash for
-- each tenant and day (UTC) has a row for each type.

local USAGE = { KEPT = 34560000, TOLD = 3600, RUN = 6, PEAK = 7 }

-- The numbers of a text.
function USAGE.numbers(text)
  local numbers = {}
  for number in string.gmatch(text or '', '%d+') do numbers[#numbers + 1] = tonumber(number) end
  return numbers
end

-- Two rows together: all sums but one, which is a peak. As text.
function USAGE.together(old, new, peak)
  local before, row = USAGE.numbers(old), {}
  for i, number in ipairs(new) do
    local was = before[i] or 0
    row[i] = int(i == peak and math.max(was, number) or was + number)
  end
  return table.concat(row, ' ')
end

function USAGE.today(tenant)
  return KEY.usage(tenant, string.sub(at(), 1, 10))
end

-- A hash of a day is kept for 400 of them.
function USAGE.keep(key, is_new)
  if is_new then call('EXPIRE', key, USAGE.KEPT) end
end

-- `used` is six numbers of a run (us of processor time, us of time, ms of recordings, bytes read, bytes written, peak of
-- memory in KiB) and three of runs before it that were too short to be told one by one: how many, us of both kinds.
function USAGE.add(tenant, type_name, used, runs)
  local n = USAGE.numbers(used)
  if #n ~= USAGE.RUN + 3 then return end
  local row = { runs + n[7], n[1] + n[8], n[2] + n[9], n[3], n[4], n[5], n[6] }
  local key = USAGE.today(tenant)
  local old = call('HGET', key, type_name)
  USAGE.keep(key, call('HSET', key, type_name, USAGE.together(old, row, USAGE.PEAK)) == 1)
  cache.spent[tenant] = nil
  COUNT.add(type_name, 'cpu', row[2])
  COUNT.add(type_name, 'media', row[4])
  COUNT.add(type_name, 'read', row[5])
  COUNT.add(type_name, 'written', row[6])
  if row[7] > 0 then COUNT.add(type_name, 'peak', row[7]) end
end

-- What the task's own runs have used together.
function USAGE.note_run(key, used)
  local n = USAGE.numbers(used)
  local own = { n[1], n[2], n[3], n[4], n[5], n[6] }
  if #own == USAGE.RUN then call('HSET', key, 'usage', USAGE.together(call('HGET', key, 'usage'), own, USAGE.RUN)) end
end

-- The end of a run of which a worker tells; '' when it used too little to be told. `execution`: of a run whose task may
-- be run again before a lost answer is asked for once more. Who is told then that the run is not its own adds nothing.
function USAGE.end_run(task, used, execution)
  if used == '' then return end
  if execution then call('SET', KEY.usage_told(execution), '', 'EX', USAGE.TOLD) end
  USAGE.note_run(task.key, used)
  USAGE.add(task.tenant, task.type, used, 1)
end

-- An upload, or the end of one, in the bytes that a tenant has stored.
function USAGE.store(tenant, bytes)
  if call('HINCRBY', KEY.stored(), tenant, bytes) <= 0 then call('HDEL', KEY.stored(), tenant) end
end

-- Where there was a record of the same id before, it is no more in force.
function USAGE.upload(tenant, bytes, before)
  USAGE.store(tenant, bytes - before)
  local key = USAGE.today(tenant)
  call('HINCRBY', key, '=uploaded', bytes)
  USAGE.keep(key, call('HINCRBY', key, '=uploads', 1) == 1)
end
