-- submit_many: accepts a batch of a tenant's tasks, all or none of them.
-- KEYS[1] prefix
-- ARGV[1] tenant
-- ARGV[2] data
-- ARGV[3] max_pending
-- ARGV[4..] fields  three for each task: id, payload, terms: 'type queue max_retries timeout due_us delay_us unique_key'
-- Returns {1, microsecond of creation of the first, then for each that was there: its number from 0, id}, or {-1, waiting, type} when too many wait
-- Moves none -> pending
-- Moves none -> scheduled
-- @include submit
local tasks, read = {}, {}

-- Most tasks of a batch are alike but for their payload.
local function read_terms(text)
  local t = {}
  t.type, t.queue, t.max_retries, t.timeout, t.due, t.delay, t.unique =
    string.match(text, '^(%S+) (%S+) (%d+) (%d+) (-?%d+) (%d+) (.*)$')
  t.due, t.delay, t.unique = tonumber(t.due), tonumber(t.delay), t.unique ~= '' and t.unique
  read[text] = t
  return t
end

for i = 1, #fields, 3 do
  local terms = read[fields[i + 2]] or read_terms(fields[i + 2])
  tasks[#tasks + 1] = { id = fields[i], payload = fields[i + 1], tenant = tenant, data = data, type = terms.type,
    queue = terms.queue, max_retries = terms.max_retries, timeout = terms.timeout, due = terms.due, delay = terms.delay,
    unique = terms.unique }
end
local refused = accept(tasks, tonumber(max_pending))
if refused then return refused end
local reply = { 1, now }
for i, task in ipairs(tasks) do
  if task.holder then
    reply[#reply + 1] = i - 1
    reply[#reply + 1] = task.holder
  end
end
return reply
