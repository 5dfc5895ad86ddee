-- submit_linked: accepts tasks of a tenant that depend on others or belong to a flow, all or none of them.
-- KEYS[1] prefix
-- ARGV[1] tenant
-- ARGV[2] bounds  as in submit
-- ARGV[3] trace  as in submit, for all of them
-- ARGV[4] media_fields  how many of the following belong to a media record, as in submit: 0 for none
-- ARGV[5..] fields  those, then four for each task: id, payload, options as in submit, links: 'flow on_failure id,id deadline'
-- Returns as submit_many; {-2, number of a task, number of an id} when it cannot depend on that task, both from 0; {-3, 0}
--   when the media was deleted meanwhile
-- Moves none -> pending
-- Moves none -> scheduled
-- Moves none -> cancelled
-- @include media_record
-- @include submit_linked
if tonumber(media_fields) > 0 and MEDIA.is_buried(fields) then return { -3, 0 } end
SUBMIT.trace = trace
local tasks = {}
for i = tonumber(media_fields) + 1, #fields, 4 do
  tasks[#tasks + 1] = SUBMIT.new_task(fields[i], tenant, fields[i + 1], fields[i + 2])
  LINKS.read_links(tasks[#tasks], fields[i + 3])
end
local size = tonumber(media_fields) > 0 and MEDIA.size_of(fields, tonumber(media_fields)) or nil
local refused = LINKS.accept_linked(tasks, bounds, size)
if refused then return refused end
if tonumber(media_fields) > 0 and not tasks[1].holder then
  MEDIA.write(tenant, fields, tonumber(media_fields), tasks[1].us)
end
return SUBMIT.reply(tasks)
