-- submit_many: accepts a batch of a tenant's tasks, all or none of them.
-- KEYS[1] prefix
-- ARGV[1] tenant
-- ARGV[2] max_pending
-- ARGV[3..] fields  three for each task: id, payload, options as in submit
-- Returns {1, microsecond of creation of the first, then for each that was there: its number from 0, id}, or {-1, waiting, type} when too many wait
-- Moves none -> pending
-- Moves none -> scheduled
-- @include submit
local tasks = {}
for i = 1, #fields, 3 do tasks[#tasks + 1] = new_task(fields[i], tenant, fields[i + 1], fields[i + 2]) end
local refused = accept(tasks, bound(max_pending))
if refused then return refused end
local reply = { 1, now }
for i, task in ipairs(tasks) do
  if task.holder then
    reply[#reply + 1] = i - 1
    reply[#reply + 1] = task.holder
  end
end
return reply
