-- @include deadlines
-- @include submit
-- Accepting tasks that depend on others or belong to a flow.

-- What is said of a task's links: its flow or nothing, what it does when one that it depends on has not completed, ids,
-- and the microsecond of its deadline, if it has one. A task with one knows of links, so that its end takes it out of those.
function LINKS.read_links(task, text)
  local flow, on_failure, ids, deadline = string.match(text, '^(%S*) (%a+) (%S*) ?(%d*)$')
  if not flow then error('no links of a task: ' .. text) end
  task.deadline = tonumber(deadline)
  local linked = ids ~= '' or task.deadline
  task.flow, task.on_failure, task.depends_on = flow ~= '' and flow or linked and '' or nil, on_failure, {}
  for id in string.gmatch(ids, '[^,]+') do task.depends_on[#task.depends_on + 1] = id end
end

-- How the task that another one is to depend on stands, nil without one. Only what its index says too has ended: of what
-- a foreign hand has done, the reconciler makes the end, or undoes it.
function LINKS.find_dependency(id, tenant)
  local task = read_task(id)
  if not task or task.tenant ~= tenant then return nil end
  local ended = TERMINAL[task.status] and indexed_as(index_of(tenant, task.type), id) == task.status
  if not ended then return {} end
  local message = task.status ~= 'completed' and call('HGET', task.key, 'error') or nil
  return { status = task.status, why = LINKS.cause(id, task.status, message) }
end

-- Finds out what new tasks wait for. `ends`: those that did not complete and of which more follows. {-2, number of the
-- task, number of the id} when it cannot depend on that.
function LINKS.find_dependencies(tasks, ends)
  local known = {}
  for number, task in ipairs(tasks) do
    task.waiting_for = {}
    for position, id in ipairs(task.holder and {} or task.depends_on) do
      known[id] = known[id] or LINKS.find_dependency(id, task.tenant)
      local found = known[id]
      if not found then return { -2, number - 1, position - 1 } end
      if not found.status or (found.status ~= 'completed' and task.on_failure ~= 'run') then
        task.waiting_for[#task.waiting_for + 1] = found.same or id
        if found.status and not found.name then
          found.name, found.id = LINKS.name_for(id), id
          ends[#ends + 1] = found
        end
      end
    end
    if #task.waiting_for > 0 then
      task.own_due = task.due > task.us and task.due or nil
      task.due, task.status = NEVER, 'scheduled'
    end
    local own = not task.holder and {} or LINKS.find_dependency(task.holder, task.tenant)
    if own then own.same = task.holder end
    known[task.id] = own
  end
  return nil, known
end

function LINKS.write_links(task, known)
  if not task.flow then return end
  local fields = { 'flow', task.flow }
  local function add(name, value)
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
  if #task.depends_on > 0 then
    add('depends_on', table.concat(task.depends_on, ','))
    add('on_failure', task.on_failure)
  end
  if #task.waiting_for > 0 then add('waiting_for', table.concat(task.waiting_for, ',')) end
  if task.own_due then add('scheduled_at', iso(task.own_due)) end
  if task.deadline then
    add('deadline', iso(task.deadline))
    DEADLINE.set(task)
  end
  call('HSET', task.key, unpack(fields))
  for _, id in ipairs(task.waiting_for) do
    local other = known[id] or {}
    call('ZADD', KEY.links(other.name or id), task.us, task.id)
    if not other.knows then call('HSETNX', KEY.job(id), 'flow', '') end
    other.knows = true
  end
  if task.flow ~= '' then FLOW.move(task, task.status) end
end

-- As accept(), of tasks whose links were read.
function LINKS.accept_linked(tasks, bounds, size)
  SUBMIT.set_times(tasks)
  local new, ends = SUBMIT.find_new(tasks), {}
  if #new == 0 then return nil end
  local refused, known = LINKS.find_dependencies(tasks, ends)
  refused = refused or SUBMIT.refusal(new, bounds, size)
  if refused then return refused end
  SUBMIT.write(new)
  if new.perhaps_first then call('SADD', KEY.tenants(), new[1].tenant) end
  for _, task in ipairs(new) do LINKS.write_links(task, known) end
  LINKS.settle(ends)
  return nil
end
