-- Every key, under the name that it has in `broker.engine.keys`, which says what each holds; a test compares the two.

-- The prefix of RQ's keys, and that of ours. begin() sets them.
local P, B
local KEY = {}

-- RQ's own.
function KEY.job(id) return P .. 'job:' .. id end
function KEY.results(id) return P .. 'results:' .. id end
function KEY.rq_queues() return P .. 'queues' end
function KEY.rq_queue(queue) return P .. 'queue:' .. queue end
function KEY.registry(name, queue) return P .. name .. ':' .. queue end
function KEY.workers() return P .. 'workers' end
function KEY.worker(name) return P .. 'worker:' .. name end
function KEY.worker_executions(name) return P .. 'worker:' .. name .. ':executions' end
function KEY.execution(id, execution) return P .. 'execution:' .. id .. ':' .. execution end
function KEY.executions(id) return P .. 'executions:' .. id end
function KEY.suspended() return P .. 'suspended' end

-- Ours: queues and limits.
function KEY.ready() return B .. 'ready' end
function KEY.due() return B .. 'due' end
function KEY.limits(type_name) return B .. 'limits:' .. type_name end
function KEY.types() return B .. 'types' end
function KEY.life() return B .. 'life' end
function KEY.arrivals() return B .. 'arrivals' end
function KEY.groups() return B .. 'groups' end
function KEY.idle(group) return B .. 'idle:' .. group end
function KEY.wake(worker) return B .. 'wake:' .. worker end
function KEY.reaped() return B .. 'reaped' end
function KEY.probe() return B .. 'probe' end

-- Ours: what reads need.
function KEY.tenants() return B .. 'tenants' end
function KEY.index(tenant, type_name) return B .. 'tasks:' .. tenant .. ':' .. type_name end
function KEY.unique(tenant, type_name, key) return B .. 'unique:' .. tenant .. ':' .. type_name .. ':' .. key end
function KEY.durations(tenant) return B .. 'durations:' .. tenant end
function KEY.listeners() return B .. 'listeners' end
function KEY.outbox() return B .. 'outbox' end
function KEY.outbox_aside() return B .. 'outbox_aside' end
function KEY.events(tenant) return B .. 'events:' .. tenant end

-- Ours: webhooks.
function KEY.webhook(id) return B .. 'webhook:' .. id end
function KEY.webhooks(tenant) return B .. 'webhooks:' .. tenant end
function KEY.webhook_due() return B .. 'webhook_due' end
function KEY.webhooks_gone() return B .. 'webhooks_gone' end
function KEY.delivery(id, event) return KEY.webhook(id) .. ':event:' .. event end
function KEY.webhook_lane(id, task) return KEY.webhook(id) .. ':lane:' .. task end
function KEY.webhook_waiting(id) return KEY.webhook(id) .. ':waiting' end
function KEY.webhook_running(id) return KEY.webhook(id) .. ':running' end
function KEY.webhook_ended(id) return KEY.webhook(id) .. ':ended' end
function KEY.webhook_log(id) return KEY.webhook(id) .. ':log' end

-- Ours: media.
function KEY.media(id) return B .. 'media:' .. id end
function KEY.media_index(tenant, kind) return B .. 'media:' .. tenant .. ':' .. kind end
function KEY.vectors(tenant, model) return B .. 'vectors:' .. tenant .. ':' .. model end
function KEY.vector_changes(tenant, model) return B .. 'vector_changes:' .. tenant .. ':' .. model end
function KEY.vector_models(tenant) return B .. 'vector_models:' .. tenant end
