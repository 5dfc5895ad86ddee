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
function KEY.waiting(type_name, level, tenant, group) return B .. 'waiting:' .. type_name .. ':' .. level .. ':' .. tenant .. ':' .. group end
function KEY.shares(queue) return B .. 'shares:' .. queue end
function KEY.group_shares(type_name, level, tenant) return B .. 'group_shares:' .. type_name .. ':' .. level .. ':' .. tenant end
function KEY.weights() return B .. 'weights' end
function KEY.tenant_limits() return B .. 'tenant_limits' end
function KEY.tenant_bucket(type_name, tenant) return B .. 'tenant_bucket:' .. type_name .. ':' .. tenant end
function KEY.capped(type_name) return B .. 'capped:' .. type_name end
function KEY.capped_groups(type_name) return B .. 'capped_groups:' .. type_name end
function KEY.group_runs(type_name, tenant, group) return B .. 'group_runs:' .. type_name .. ':' .. tenant .. ':' .. group end
function KEY.holds() return B .. 'holds' end
function KEY.held(hold) return B .. 'held:' .. hold end
function KEY.aging(type_name) return B .. 'aging:' .. type_name end
function KEY.estimates(type_name) return B .. 'estimates:' .. type_name end
function KEY.limits(type_name) return B .. 'limits:' .. type_name end
function KEY.wait_log(type_name, subject) return B .. 'wait_log:' .. type_name .. ':' .. subject end
function KEY.wait_open(type_name) return B .. 'wait_open:' .. type_name end
function KEY.waits_sampled() return B .. 'waits_sampled' end
function KEY.types() return B .. 'types' end
function KEY.life() return B .. 'life' end
function KEY.arrivals() return B .. 'arrivals' end
function KEY.groups() return B .. 'groups' end
function KEY.idle(group) return B .. 'idle:' .. group end
function KEY.wake(worker) return B .. 'wake:' .. worker end
function KEY.draining(worker) return B .. 'draining:' .. worker end
function KEY.reaped() return B .. 'reaped' end
function KEY.probe() return B .. 'probe' end

-- Ours: quotas, the ledger and metrics.
function KEY.quotas() return B .. 'quotas' end
function KEY.requests(tenant) return B .. 'requests:' .. tenant end
function KEY.stored() return B .. 'stored' end
function KEY.usage(tenant, day) return B .. 'usage:' .. tenant .. ':' .. day end
function KEY.usage_told(token) return B .. 'usage_told:' .. token end
function KEY.counts() return B .. 'counts' end

-- Ours: what reads need.
function KEY.tenants() return B .. 'tenants' end
function KEY.index(tenant, type_name) return B .. 'tasks:' .. tenant .. ':' .. type_name end
function KEY.tagged(tenant, tag) return B .. 'tagged:' .. tenant .. ':' .. tag end
function KEY.tags(tenant) return B .. 'tags:' .. tenant end
function KEY.failures(tenant) return B .. 'failures:' .. tenant end
function KEY.failure(tenant, id) return B .. 'failure:' .. tenant .. ':' .. id end
function KEY.operation(id) return B .. 'operation:' .. id end
function KEY.operations(tenant) return B .. 'operations:' .. tenant end
function KEY.operations_open() return B .. 'operations_open' end
function KEY.reprocessings_open() return B .. 'reprocessings_open' end
function KEY.unique(tenant, type_name, key) return B .. 'unique:' .. tenant .. ':' .. type_name .. ':' .. key end
function KEY.durations(tenant) return B .. 'durations:' .. tenant end
function KEY.spared(tenant, type_name) return B .. 'spared:' .. tenant .. ':' .. type_name end
function KEY.listeners() return B .. 'listeners' end
function KEY.outbox() return B .. 'outbox' end
function KEY.outbox_aside() return B .. 'outbox_aside' end
function KEY.events(tenant) return B .. 'events:' .. tenant end

-- Ours: what follows from the end of a task.
function KEY.newer(type_name) return B .. 'newer:' .. type_name end
function KEY.deadlines() return B .. 'deadlines' end
function KEY.links(name) return B .. 'links:' .. name end
function KEY.parts(id) return B .. 'parts:' .. id end
function KEY.settling() return B .. 'settling' end
function KEY.flow(tenant, flow) return B .. 'flow:' .. tenant .. ':' .. flow end
function KEY.flow_tasks(tenant, flow) return B .. 'flow_tasks:' .. tenant .. ':' .. flow end
function KEY.flows_ended() return B .. 'flows_ended' end
function KEY.task_log(id) return B .. 'task_log:' .. id end

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
function KEY.media_expiry() return B .. 'media_expiry' end
function KEY.sources_due() return B .. 'sources_due' end
function KEY.tombstones() return B .. 'tombstones' end
function KEY.tombstone(id) return B .. 'tombstone:' .. id end
function KEY.upload(upload_id) return B .. 'upload:' .. upload_id end
function KEY.uploads(tenant) return B .. 'uploads:' .. tenant end
function KEY.upload_expiry() return B .. 'upload_expiry' end
function KEY.vectors(tenant, model) return B .. 'vectors:' .. tenant .. ':' .. model end
function KEY.vector_parts(tenant, model) return B .. 'vector_parts:' .. tenant .. ':' .. model end
function KEY.vector_changes(tenant, model) return B .. 'vector_changes:' .. tenant .. ':' .. model end
function KEY.vector_models(tenant) return B .. 'vector_models:' .. tenant end
function KEY.generations() return B .. 'generations' end
function KEY.generations_seen() return B .. 'generations_seen' end
function KEY.generation_wanted() return B .. 'generation_wanted' end
function KEY.generations_due() return B .. 'generations_due' end
function KEY.generation(tenant) return B .. 'generation:' .. tenant end
function KEY.generation_missing(tenant) return B .. 'generation_missing:' .. tenant end
function KEY.generation_failed(tenant) return B .. 'generation_failed:' .. tenant end

-- Ours: plugins.
function KEY.plugin_configs(tenant) return B .. 'plugin_configs:' .. tenant end

-- Ours: access.
function KEY.api_key(id) return B .. 'api_key:' .. id end
function KEY.api_keys() return B .. 'api_keys' end
function KEY.api_keys_of(tenant) return B .. 'api_keys:' .. tenant end
function KEY.api_key_tenants() return B .. 'api_key_tenants' end
function KEY.audit_logs() return B .. 'audit_logs' end
function KEY.audit_log(tenant) return B .. 'audit_log:' .. tenant end
