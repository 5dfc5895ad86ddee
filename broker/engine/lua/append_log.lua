-- append_log: adds what a run has said to the log of its task. Lines that are there already are left out.
-- KEYS[1] prefix
-- ARGV[1] id
-- ARGV[2] attempt
-- ARGV[3] most_lines  that are kept of the task's, the newest
-- ARGV[4] most_bytes
-- ARGV[5..] lines  five for each: its number in the run, the microsecond, level, logger, text
-- Returns 1, or 0 when there is no such task (any more)
-- @include base
if call('EXISTS', KEY.job(id)) == 0 then return 0 end
local key, run, count, bytes, last = KEY.task_log(id), tonumber(attempt), 0, 0, 0
local newest = call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1]
if newest then
  local of_run, number = string.match(newest[1], '^(%d+)-(%d+)$')
  if tonumber(of_run) > run then return 1 end
  if tonumber(of_run) == run then last = tonumber(number) end
  local f = newest[2]
  for i = 1, #f, 2 do
    if f[i] == 'count' then count = tonumber(f[i + 1]) elseif f[i] == 'bytes' then bytes = tonumber(f[i + 1]) end
  end
end
for i = 1, #lines, 5 do
  if tonumber(lines[i]) > last then
    last, count = tonumber(lines[i]), count + 1
    bytes = bytes + #lines[i + 3] + #lines[i + 4] + 32
    -- What was said up to here, in lines and bytes: so it can be told what is not kept any more.
    call('XADD', key, attempt .. '-' .. lines[i], 'at', lines[i + 1], 'level', lines[i + 2], 'logger', lines[i + 3],
      'text', lines[i + 4], 'count', count, 'bytes', int(bytes))
  end
end
call('XTRIM', key, 'MAXLEN', most_lines)
while bytes > tonumber(most_bytes) do -- else there cannot be too many; `bytes` are its sixth field
  local oldest, keep = call('XRANGE', key, '-', '+', 'COUNT', 64), nil
  for i, entry in ipairs(oldest) do
    if bytes - tonumber(entry[2][12]) < tonumber(most_bytes) then
      keep = i
      break
    end
  end
  call('XTRIM', key, 'MINID', oldest[keep or #oldest][1])
  if keep or #oldest < 64 then break end
end
return 1
