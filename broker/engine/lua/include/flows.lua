-- @include events
-- @include index
-- Flows: a tenant's tasks under an id of its choice, of which one event tells when all have ended. A task joins its flow,
-- and opens one that has ended, by being moved in it.
local FLOW = {}

-- The record of a flow outlives those of its tasks, so that its counts stay true while some of them are pruned.
function FLOW.move(task, status)
  local tenant, flow = task.tenant, task.flow
  local key = KEY.flow(tenant, flow)
  if call('ZADD', KEY.flow_tasks(tenant, flow), score_of(status, task.us), task.id) == 1 then
    call('HSETNX', key, 'created_at', iso(task.us))
  end
  if TERMINAL[status] then return end
  -- Its end finds the flow by this, even if a foreign hand has deleted the task by then.
  call('ZADD', KEY.links(task.id), 0, '=' .. tenant .. ':' .. flow)
  if call('HDEL', key, 'ended_at') == 1 then call('ZREM', KEY.flows_ended(), tenant .. ':' .. flow) end
end

-- A task that is gone before it has ended counts as cancelled.
function FLOW.lose(tenant, flow, id)
  local tasks = KEY.flow_tasks(tenant, flow)
  local score = tonumber(call('ZSCORE', tasks, id) or nil)
  if score then call('ZADD', tasks, 'XX', RANK.cancelled * SPAN + score % SPAN, id) end
end

-- How many tasks of a flow are in each status, by its name.
function FLOW.counts(tenant, flow)
  local counts, tasks = {}, KEY.flow_tasks(tenant, flow)
  for _, status in ipairs(STATUSES) do counts[status] = count_in(tasks, status) end
  return counts
end

-- A task of the flow has ended: if it was the last, this is told once.
function FLOW.look(tenant, flow)
  local key, counts, total = KEY.flow(tenant, flow), FLOW.counts(tenant, flow), 0
  for status, count in pairs(counts) do
    if count > 0 and not TERMINAL[status] then return end
    total = total + count
  end
  if call('HSETNX', key, 'ended_at', at()) == 0 then return end
  call('ZADD', KEY.flows_ended(), now, tenant .. ':' .. flow)
  local outcome = counts.completed == total and 'completed' or 'failed'
  local fields = { flow = flow, created_at = call('HGET', key, 'created_at'), ended_at = at() }
  for status, count in pairs(counts) do fields[status] = count end
  local wanted = listeners(tenant).webhooks
  if wanted and string.find(wanted, 'flow.' .. outcome, 1, true) then
    local entry = { 'type', 'flow.' .. outcome, 'tenant', tenant }
    for name, value in pairs(fields) do
      entry[#entry + 1] = name
      entry[#entry + 1] = value
    end
    call('XADD', KEY.outbox(), '*', 'at', at(), unpack(entry))
  end
  fields.status = outcome
  tell(tenant, 'flow', fields)
end
