-- The words for a task's states; `broker.status` has the same. A status' place in STATUSES is its rank in an index, which
-- stored scores contain: new ones go to the end, and seven fit below 2^53.
local STATUSES = { 'pending', 'scheduled', 'processing', 'completed', 'failed', 'cancelled' }
local WAITING = { pending = true, scheduled = true }
local TERMINAL = { completed = true, failed = true, cancelled = true }

-- What RQ's job hash calls each.
local RQ_STATUS = {
  pending = 'queued', scheduled = 'scheduled', processing = 'started',
  completed = 'finished', failed = 'failed', cancelled = 'canceled',
}

-- RQ's registry (a sorted set per queue) of the tasks in a status; those that are pending stand in a list.
local REGISTRY = {
  scheduled = 'scheduled', processing = 'wip', completed = 'finished', failed = 'failed', cancelled = 'canceled',
}

local RANK, STATUS = {}, {}
for i = 1, #STATUSES do -- there is no ipairs() while a library is loaded
  RANK[STATUSES[i]] = i - 1
  STATUS[RQ_STATUS[STATUSES[i]]] = STATUSES[i]
end
