-- submit_many: accepts a batch of a tenant's tasks, all or none of them.
-- KEYS[1] prefix
-- ARGV[1] tenant
-- ARGV[2] bounds  as in submit
-- ARGV[3] trace  as in submit, for all of them
-- ARGV[4..] fields  three for each task: id, payload, options as in submit
-- Returns {1, microsecond of creation of the first, then for each that was there: its number from 0, id}, {-1, waiting, type} when too many wait, or the reply of a quota
-- Moves none -> pending
-- Moves none -> scheduled
-- @include submit
SUBMIT.trace = trace
local tasks = {}
for i = 1, #fields, 3 do tasks[#tasks + 1] = SUBMIT.new_task(fields[i], tenant, fields[i + 1], fields[i + 2]) end
local refused = SUBMIT.accept(tasks, bounds)
if refused then return refused end
return SUBMIT.reply(tasks)
