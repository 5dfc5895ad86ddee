-- @include events
-- Groups of alike failures: of one type, and with the same message but for what differs from task to task. They are counted
-- as tasks fail for good. A tenant has the 1,000 that failed last.
local FAILURE = { kept = 1000, longest = 400, samples = 5 }

-- What is put in the place of what differs, in this order. A slash begins a path only where a word begins, so that `and/or` stays.
FAILURE.differing = {
  { '%f[%a]%a[%w+.-]*://[^%s"\'<>]+', '<url>' },
  { '%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x', '<id>' },
  { '0[xX]%x+', '<hex>' },
  { '%f[%w/~]~?/[^%s"\'`:,;<>()]+', '<path>' },
  { '"[^"]*[%d./\\][^"]*"', '"<name>"' },
  { "'[^']*[%d./\\][^']*'", "'<name>'" },
  { '`[^`]*[%d./\\][^`]*`', '`<name>`' },
}

-- Long hexadecimal words are names, short ones may be words; of names with digits in them the digits differ.
function FAILURE.word(word)
  if not string.find(word, '%d') then return nil end
  if #word >= 12 and not string.find(word, '%X') then return '<hex>' end
  return (string.gsub(word, '%d+', '<n>'))
end

-- What the messages of a group have in common.
function FAILURE.cause(message)
  local text = message
  if #text > FAILURE.longest then
    text = string.gsub(string.sub(text, 1, FAILURE.longest), '[\192-\255][\128-\191]*$', '') -- no half of a character
  end
  for _, pair in ipairs(FAILURE.differing) do text = string.gsub(text, pair[1], pair[2]) end
  text = string.gsub(text, '%w+', FAILURE.word)
  text = string.gsub(text, '<n>[.,:]<n>', '<n>')
  return (string.gsub(text, '<n>[.,:]<n>', '<n>'))
end

-- 32 hexadecimal digits that stand for a text. What only resembles a server may not know SHA-1.
function FAILURE.digest(text)
  if redis.sha1hex then return redis.sha1hex(text) end
  local hex = ''
  for factor = 31, 34 do
    local sum = factor
    for i = 1, #text do sum = (sum * factor + string.byte(text, i)) % 4294967291 end
    hex = hex .. string.format('%08x', sum)
  end
  return hex
end

-- The id of the group of a type's failures with this message: in the form of a UUID (version 8, RFC 9562).
function FAILURE.id_of(type_name, message)
  local hex = FAILURE.digest(type_name .. '\n' .. FAILURE.cause(message))
  return string.sub(hex, 1, 8) .. '-' .. string.sub(hex, 9, 12) .. '-8' .. string.sub(hex, 14, 16) .. '-8'
    .. string.sub(hex, 18, 20) .. '-' .. string.sub(hex, 21, 32)
end

-- Removes those that failed longest ago, beyond the number that is kept.
function FAILURE.trim(tenant)
  local many = call('ZCARD', KEY.failures(tenant)) - FAILURE.kept
  if many <= 0 then return end
  for _, id in ipairs(call('ZRANGE', KEY.failures(tenant), 0, many - 1)) do
    call('DEL', KEY.failure(tenant, id))
    call('ZREM', KEY.failures(tenant), id)
  end
end

-- Counts a task that has failed for good. A group that is new, or was resolved, is told to who listens; of one that is
-- ignored nobody hears.
function FAILURE.count(task, message)
  local id = FAILURE.id_of(task.type, message)
  local key = KEY.failure(task.tenant, id)
  local f = call('HMGET', key, 'state', 'samples')
  local samples, news = task.id, nil
  for each in string.gmatch(f[2] or '', '[^,]+') do
    if each ~= task.id and select(2, string.gsub(samples, ',', '')) < FAILURE.samples - 1 then samples = samples .. ',' .. each end
  end
  call('HSET', key, 'message', message, 'last_at', at(), 'samples', samples)
  call('HINCRBY', key, 'count', 1)
  call('ZADD', KEY.failures(task.tenant), now, id)
  if not f[1] then
    news = 'new'
    call('HSET', key, 'type', task.type, 'cause', FAILURE.cause(message), 'state', 'open', 'first_at', at())
    FAILURE.trim(task.tenant)
  elseif f[1] == 'resolved' then
    news = 'regressed'
    call('HSET', key, 'state', 'open', 'regressed_at', at())
    call('HINCRBY', key, 'regressions', 1)
  end
  if news then tell(task.tenant, 'failure', { failure_id = id, type = task.type, news = news, error = message }) end
end
