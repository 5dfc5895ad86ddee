-- submit_many: accepts a batch of a tenant's tasks, all or none of them.
-- KEYS[1] prefix
-- ARGV[1] tenant
-- ARGV[2] data
-- ARGV[3] max_pending
-- ARGV[4..] fields  nine for each task: id, type, queue, payload, max_retries, timeout, due_us, delay_us, unique key or ''
-- Returns {1, microsecond of creation of the first, then for each that was there: its number from 0, id}, or {-1, waiting, type} when too many wait
-- Moves none -> pending
-- Moves none -> scheduled
-- @include submit
local tasks = {}
for i = 1, #fields, 9 do
  local unique = fields[i + 8]
  tasks[#tasks + 1] = { id = fields[i], type = fields[i + 1], queue = fields[i + 2], tenant = tenant,
    payload = fields[i + 3], data = data, max_retries = fields[i + 4], timeout = fields[i + 5],
    due = tonumber(fields[i + 6]), delay = tonumber(fields[i + 7]), unique = unique ~= '' and unique }
end
local refused = accept(tasks, tonumber(max_pending))
if refused then return refused end
local reply = { 1, int(now) }
for i, task in ipairs(tasks) do
  if task.holder then
    reply[#reply + 1] = i - 1
    reply[#reply + 1] = task.holder
  end
end
return reply
