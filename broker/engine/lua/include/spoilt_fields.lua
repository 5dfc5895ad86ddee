-- @include task
-- What a task's hash must hold as numbers (and what stands for one that is lost) and as JSON, where it holds it.
local NUMBERS = { us = 0, seq = 0, timeout = 3600, retry_count = 0, max_retries = 0, crashes = 0, runs = 0 }
local JSON_FIELDS = { 'payload', 'memo', 'attempts', 'progress', 'outcome' }
-- What is longer is not read.
local LONGEST_JSON = 65536

-- The names of the fields that hold something else.
local function bad_fields(task)
  local bad = {}
  for name in pairs(NUMBERS) do
    local value = call('HGET', task.key, name)
    if value and not tonumber(value) then bad[#bad + 1] = name end
  end
  for _, name in ipairs(JSON_FIELDS) do
    local value = call('HGET', task.key, name)
    if value and #value <= LONGEST_JSON and not pcall(cjson.decode, value) then bad[#bad + 1] = name end
  end
  if not microseconds(call('HGET', task.key, 'created_at')) then bad[#bad + 1] = 'created_at' end
  table.sort(bad)
  return bad
end
