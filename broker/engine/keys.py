"""Every Redis key on one screen, RQ's first, ours (below ``<prefix>:broker:``) after them."""


class Keys:
    """Key names under one prefix (``RQ_KEY_PREFIX``); the scripts build the same names."""

    def __init__(self, prefix: str = "rq") -> None:
        self.prefix = prefix
        self._ours = f"{prefix}:broker:"

    # RQ's own, in RQ's own formats ------------------------------------------------------------------------------

    def job(self, task_id: str) -> str:
        """hash: one task, RQ's job fields and ours side by side."""
        return f"{self.prefix}:job:{task_id}"

    def results(self, task_id: str) -> str:
        """stream: RQ's result log; only the last failure is kept in it."""
        return f"{self.prefix}:results:{task_id}"

    def rq_queues(self) -> str:
        """set: keys of all queue lists there have ever been."""
        return f"{self.prefix}:queues"

    def rq_queue(self, queue: str) -> str:
        """list: ids of waiting tasks; a queue is a type, ``type:priority`` above 0, or ``type:background``."""
        return f"{self.prefix}:queue:{queue}"

    def registry(self, name: str, queue: str) -> str:
        """sorted set: RQ's ``wip`` (our leases), ``finished``, ``failed``, ``scheduled`` or ``canceled`` of a queue."""
        return f"{self.prefix}:{name}:{queue}"

    def workers(self) -> str:
        """set: keys of worker records."""
        return f"{self.prefix}:workers"

    def worker(self, name: str) -> str:
        """hash: RQ's worker record, one per worker child."""
        return f"{self.prefix}:worker:{name}"

    def worker_executions(self, name: str) -> str:
        """set: ``task:execution`` of the runs of a worker that have lasted for a beat."""
        return f"{self.prefix}:worker:{name}:executions"

    def execution(self, task_id: str, execution: str) -> str:
        """hash: RQ's record of a run that has lasted for a beat."""
        return f"{self.prefix}:execution:{task_id}:{execution}"

    def executions(self, task_id: str) -> str:
        """sorted set: ids of the recorded executions of a task that go on."""
        return f"{self.prefix}:executions:{task_id}"

    def suspended(self) -> str:
        """string: present while ``rq suspend`` holds everything."""
        return f"{self.prefix}:suspended"

    # ours: queues and limits ------------------------------------------------------------------------------------

    def ready(self) -> str:
        """sorted set: names of non-empty queues by level, the background as -1."""
        return f"{self._ours}ready"

    def due(self) -> str:
        """sorted set: scheduled tasks by the microsecond they are due."""
        return f"{self._ours}due"

    def waiting(self, type_name: str, level: int, tenant: str, group: str) -> str:
        """sorted set: waiting tasks of a tenant and its group ('' for none) in a queue, in their order."""
        return f"{self._ours}waiting:{type_name}:{level}:{tenant}:{group}"

    def shares(self, queue: str) -> str:
        """sorted set: tenants that wait in a queue by start tag, in microseconds of work per weight."""
        return f"{self._ours}shares:{queue}"

    def group_shares(self, type_name: str, level: int, tenant: str) -> str:
        """sorted set: the same of the groups of a tenant, where it has any."""
        return f"{self._ours}group_shares:{type_name}:{level}:{tenant}"

    def weights(self) -> str:
        """hash: tenant -> its weight, of those whose weight is not 1."""
        return f"{self._ours}weights"

    def tenant_limits(self) -> str:
        """hash: ``tenant type`` -> ``rate/burst/concurrency``, where a tenant's caps differ from those of the type."""
        return f"{self._ours}tenant_limits"

    def tenant_bucket(self, type_name: str, tenant: str) -> str:
        """hash: the token bucket of a tenant whose starts are capped; gone when it has been full for a second."""
        return f"{self._ours}tenant_bucket:{type_name}:{tenant}"

    def capped(self, type_name: str) -> str:
        """sorted set: tenants at a cap by the microsecond of their next token; last those that wait for a run's end."""
        return f"{self._ours}capped:{type_name}"

    def capped_groups(self, type_name: str) -> str:
        """set: ``tenant:group`` of groups that run as many tasks as they may."""
        return f"{self._ours}capped_groups:{type_name}"

    def group_runs(self, type_name: str, tenant: str, group: str) -> str:
        """set: running tasks of a group."""
        return f"{self._ours}group_runs:{type_name}:{tenant}:{group}"

    def holds(self) -> str:
        """hash: id of a hold -> what it holds and why, JSON."""
        return f"{self._ours}holds"

    def held(self, hold: str) -> str:
        """sorted set: waiting tasks that a hold has put aside, by their number in line."""
        return f"{self._ours}held:{hold}"

    def aging(self, type_name: str) -> str:
        """sorted set: waiting tasks by the microsecond at which they go one level up, where the type has aging."""
        return f"{self._ours}aging:{type_name}"

    def estimates(self, type_name: str) -> str:
        """hash: tenant -> microseconds that its next task is expected to take; '' for whoever has none."""
        return f"{self._ours}estimates:{type_name}"

    def limits(self, type_name: str) -> str:
        """hash: a type's settings and its token bucket."""
        return f"{self._ours}limits:{type_name}"

    def life(self) -> str:
        """string: the microsecond of the first declaration; tells databases, and what was before FLUSHALL, apart."""
        return f"{self._ours}life"

    def libraries(self) -> str:
        """hash: function library of another release -> the second since when a daemon has known of it."""
        return f"{self._ours}libraries"

    def types(self) -> str:
        """set: names of all declared task types."""
        return f"{self._ours}types"

    def arrivals(self) -> str:
        """hash: queue -> how many tasks were ever put at its end; the source of sequence numbers."""
        return f"{self._ours}arrivals"

    def groups(self) -> str:
        """hash: every combination of types that workers listen to, as ``A,B,C``."""
        return f"{self._ours}groups"

    def idle(self, group: str) -> str:
        """set: names of sleeping workers that listen to the group's types."""
        return f"{self._ours}idle:{group}"

    def wake(self, worker: str) -> str:
        """list: one element is enough to end the sleep of a worker."""
        return f"{self._ours}wake:{worker}"

    def draining(self, worker: str) -> str:
        """string: there while a worker is to take nothing more."""
        return f"{self._ours}draining:{worker}"

    def daemons(self) -> str:
        """set: names of daemons."""
        return f"{self._ours}daemons"

    def daemon(self, name: str) -> str:
        """string: one daemon's record, JSON; it expires when the daemon is silent."""
        return f"{self._ours}daemon:{name}"

    def set_aside(self, key: str) -> str:
        """string: or whatever was under the key, whose type was not the one that it must have."""
        return f"{self._ours}set_aside:{key}"

    def reaped(self) -> str:
        """string: the microsecond of the last reap."""
        return f"{self._ours}reaped"

    def probe(self) -> str:
        """string: never there; the probe deletes it."""
        return f"{self._ours}probe"

    def confirmed(self) -> str:
        """string: empty; written behind every submission that waits for a disk or for replicas."""
        return f"{self._ours}confirmed"

    def history(self, type_name: str) -> str:
        """stream: what a type did in each ten seconds of the last day; see `broker.forecast.history`."""
        return f"{self._ours}history:{type_name}"

    def forecast_scores(self, type_name: str) -> str:
        """list: how right the last forecasts of a type's starts were, the newest first."""
        return f"{self._ours}forecast_scores:{type_name}"

    def wait_log(self, type_name: str, subject: str) -> str:
        """stream: why the next task of a type ('' for the subject) did not start, an entry for each change; for a
        tenant, or ``tenant:group``, where that was something else.
        """
        return f"{self._ours}wait_log:{type_name}:{subject}"

    def wait_open(self, type_name: str) -> str:
        """hash: tenant, or ``tenant:group`` -> its reason to wait, where that is another than its type's."""
        return f"{self._ours}wait_open:{type_name}"

    def waits_sampled(self) -> str:
        """hash: type -> the microsecond of the last look at why its next task does not start."""
        return f"{self._ours}waits_sampled"

    # ours: quotas, the ledger and metrics -----------------------------------------------------------------------

    def quotas(self) -> str:
        """hash: tenant -> what was set for it alone, ``name=number name=none``; see `broker.usage.quotas`."""
        return f"{self._ours}quotas"

    def requests(self, tenant: str) -> str:
        """string: requests of the present minute, of a tenant that has a quota of them; it expires with the minute."""
        return f"{self._ours}requests:{tenant}"

    def stored(self) -> str:
        """hash: tenant -> bytes of the uploads that it has stored."""
        return f"{self._ours}stored"

    def usage(self, tenant: str, day: str) -> str:
        """hash: type -> what runs have used on a day (2024-01-31, UTC); ``=uploads`` and ``=uploaded`` bytes."""
        return f"{self._ours}usage:{tenant}:{day}"

    def usage_told(self, token: str) -> str:
        """string: there for an hour after something was added to the ledger under this token."""
        return f"{self._ours}usage_told:{token}"

    def counts(self) -> str:
        """hash: ``type what`` -> how many or how much, since the beginning; see `broker.metrics.counters`."""
        return f"{self._ours}counts"

    # ours: what reads need --------------------------------------------------------------------------------------

    def tenants(self) -> str:
        """set: names of all tenants that ever submitted."""
        return f"{self._ours}tenants"

    def index(self, tenant: str, type_name: str) -> str:
        """sorted set: the tenant's task ids of a type by status, then by creation; see `broker.status.score_range`."""
        return f"{self._ours}tasks:{tenant}:{type_name}"

    def tagged(self, tenant: str, tag: str) -> str:
        """sorted set: a tenant's tasks with a tag by the microsecond of creation, whatever their status."""
        return f"{self._ours}tagged:{tenant}:{tag}"

    def tags(self, tenant: str) -> str:
        """set: tags that tasks of the tenant have."""
        return f"{self._ours}tags:{tenant}"

    def failures(self, tenant: str) -> str:
        """sorted set: ids of the tenant's groups of alike failures by the microsecond of the last one."""
        return f"{self._ours}failures:{tenant}"

    def failure(self, tenant: str, failure: str) -> str:
        """hash: one group: its cause and type, how many failures, when, and what was said of it."""
        return f"{self._ours}failure:{tenant}:{failure}"

    def operation(self, operation: str) -> str:
        """hash: one operation on many tasks: what it does to which, how far it is, what came of it."""
        return f"{self._ours}operation:{operation}"

    def operations(self, tenant: str) -> str:
        """sorted set: ids of the tenant's operations by the microsecond of creation."""
        return f"{self._ours}operations:{tenant}"

    def operations_open(self) -> str:
        """sorted set: ids of operations on tasks that have not ended by the microsecond of creation."""
        return f"{self._ours}operations_open"

    def reprocessings_open(self) -> str:
        """sorted set: the same of operations that transcode videos again.

        Apart, because a release that does not know these would take their step for one that deletes tasks.
        """
        return f"{self._ours}reprocessings_open"

    def unique(self, tenant: str, type_name: str, key: str) -> str:
        """string: id of the unfinished task that holds a caller's unique key."""
        return f"{self._ours}unique:{tenant}:{type_name}:{key}"

    def durations(self, tenant: str) -> str:
        """hash: type -> microseconds that the tenant's completed tasks took together."""
        return f"{self._ours}durations:{tenant}"

    def spared(self, tenant: str, type_name: str) -> str:
        """set: ids of cancelled tasks that helped others with their work, which is no failure of anything."""
        return f"{self._ours}spared:{tenant}:{type_name}"

    def listeners(self) -> str:
        """hash: ``<tenant>:webhooks`` -> the event types that its webhooks want, with commas between them;
        ``<tenant>:live`` -> the microsecond until which events are recorded.
        """
        return f"{self._ours}listeners"

    def outbox(self) -> str:
        """stream: events for webhooks, with the task as it was then, until they are with the endpoints they are for."""
        return f"{self._ours}outbox"

    def outbox_aside(self) -> str:
        """stream: the newest events that could not be told, each with the ``reason``."""
        return f"{self._ours}outbox_aside"

    def events(self, tenant: str) -> str:
        """stream: the newest of everything that happened to a tenant's tasks while somebody listened."""
        return f"{self._ours}events:{tenant}"

    # ours: what follows from the end of a task ------------------------------------------------------------------

    def newer(self, type_name: str) -> str:
        """sorted set: tasks of a type that wait for workers of a later version, by that and their creation."""
        return f"{self._ours}newer:{type_name}"

    def deadlines(self) -> str:
        """sorted set: tasks by the microsecond before which a run of them has to begin."""
        return f"{self._ours}deadlines"

    def links(self, name: str) -> str:
        """sorted set: what follows from the end of a task: its flow as ``=tenant:flow``, those that wait for it by
        their creation. ``name`` is its id, with ``@`` and a number if it has ended and more follows than a script does.
        """
        return f"{self._ours}links:{name}"

    def parts(self, task_id: str) -> str:
        """hash: of a task whose work is shared, part -> empty, who makes it (task and execution), or ``done``."""
        return f"{self._ours}parts:{task_id}"

    def settling(self) -> str:
        """list: ``name status why`` of tasks that have ended and from which more follows, for the daemon."""
        return f"{self._ours}settling"

    def flow(self, tenant: str, flow: str) -> str:
        """hash: when a flow was created, and ended."""
        return f"{self._ours}flow:{tenant}:{flow}"

    def flow_tasks(self, tenant: str, flow: str) -> str:
        """sorted set: the tasks of a flow, those that are pruned among them, scored as in an ``index``."""
        return f"{self._ours}flow_tasks:{tenant}:{flow}"

    def flows_ended(self) -> str:
        """sorted set: ``tenant:flow`` of flows that have ended by the microsecond of that."""
        return f"{self._ours}flows_ended"

    def task_log(self, task_id: str) -> str:
        """stream: the newest lines of what a task's runs have said, each named by its run and its number in it."""
        return f"{self._ours}task_log:{task_id}"

    # ours: webhooks ---------------------------------------------------------------------------------------------

    def webhook(self, webhook_id: str) -> str:
        """hash: an endpoint, its secrets and how it has behaved."""
        return f"{self._ours}webhook:{webhook_id}"

    def webhooks(self, tenant: str) -> str:
        """sorted set: ids of a tenant's endpoints by the microsecond of creation."""
        return f"{self._ours}webhooks:{tenant}"

    def webhook_due(self) -> str:
        """sorted set: endpoints by the microsecond at which somebody has to look at them."""
        return f"{self._ours}webhook_due"

    def webhooks_gone(self) -> str:
        """set: deleted endpoints that have left something to remove."""
        return f"{self._ours}webhooks_gone"

    def delivery(self, webhook_id: str, event: str) -> str:
        """hash: an event as one endpoint gets it, until it is pushed out of the ended ones."""
        return f"{self.webhook(webhook_id)}:event:{event}"

    def webhook_lane(self, webhook_id: str, task_id: str) -> str:
        """list: events about one task that are owed to an endpoint, in their order."""
        return f"{self.webhook(webhook_id)}:lane:{task_id}"

    def webhook_waiting(self, webhook_id: str) -> str:
        """sorted set: the first events of lanes by the microsecond at which they are due."""
        return f"{self.webhook(webhook_id)}:waiting"

    def webhook_running(self, webhook_id: str) -> str:
        """sorted set: events that are being sent by the microsecond their sender's lease ends."""
        return f"{self.webhook(webhook_id)}:running"

    def webhook_ended(self, webhook_id: str) -> str:
        """list: the newest events that are not owed any more, the newest first."""
        return f"{self.webhook(webhook_id)}:ended"

    def webhook_log(self, webhook_id: str) -> str:
        """stream: the newest attempts."""
        return f"{self.webhook(webhook_id)}:log"

    # ours: media ------------------------------------------------------------------------------------------------

    def media(self, media_id: str) -> str:
        """hash: one media record."""
        return f"{self._ours}media:{media_id}"

    def media_index(self, tenant: str, kind: str) -> str:
        """sorted set: ids of a tenant's media of a kind by the microsecond of creation."""
        return f"{self._ours}media:{tenant}:{kind}"

    def media_expiry(self) -> str:
        """sorted set: ids of media that were uploaded for a time, by the microsecond at which it ends."""
        return f"{self._ours}media_expiry"

    def sources_due(self) -> str:
        """sorted set: ids of media whose source may have to go, by the microsecond at which somebody looks."""
        return f"{self._ours}sources_due"

    def tombstones(self) -> str:
        """sorted set: ids of deleted media by the microsecond at which somebody removes what is left of them."""
        return f"{self._ours}tombstones"

    def tombstone(self, media_id: str) -> str:
        """hash: whose a deleted media file was, of which kind, and since which microsecond it is deleted."""
        return f"{self._ours}tombstone:{media_id}"

    def sweeper(self) -> str:
        """string: the daemon that looks through the storage; it expires when the next round may begin."""
        return f"{self._ours}sweeper"

    def upload(self, upload_id: str) -> str:
        """hash: an upload that comes in pieces."""
        return f"{self._ours}upload:{upload_id}"

    def uploads(self, tenant: str) -> str:
        """sorted set: ids of a tenant's uploads that are not complete, by the microsecond of creation."""
        return f"{self._ours}uploads:{tenant}"

    def upload_expiry(self) -> str:
        """sorted set: the same of all tenants, by the microsecond at which they are given up."""
        return f"{self._ours}upload_expiry"

    def vectors(self, tenant: str, model: str) -> str:
        """hash: media id -> its kind and all its vectors by one model."""
        return f"{self._ours}vectors:{tenant}:{model}"

    def vector_parts(self, tenant: str, model: str) -> str:
        """hash: media id -> what each of those vectors stands for."""
        return f"{self._ours}vector_parts:{tenant}:{model}"

    def vector_changes(self, tenant: str, model: str) -> str:
        """stream: media ids whose vectors changed; the last entry's id is the version."""
        return f"{self._ours}vector_changes:{tenant}:{model}"

    def vector_models(self, tenant: str) -> str:
        """set: models of which the tenant has vectors."""
        return f"{self._ours}vector_models:{tenant}"

    def generations(self) -> str:
        """hash: generation of vectors, as they are tagged -> its number and where its model is."""
        return f"{self._ours}generations"

    def generations_seen(self) -> str:
        """sorted set: generations by the microsecond at which a live worker was last known to make them."""
        return f"{self._ours}generations_seen"

    def generation_wanted(self) -> str:
        """string: the generation that all tenants are to have."""
        return f"{self._ours}generation_wanted"

    def generations_due(self) -> str:
        """sorted set: tenants by the microsecond at which a daemon looks at their generations."""
        return f"{self._ours}generations_due"

    def generation(self, tenant: str) -> str:
        """hash: which generation answers a tenant's searches, which is to, and how far that is."""
        return f"{self._ours}generation:{tenant}"

    def generation_missing(self, tenant: str) -> str:
        """sorted set: media ids that the wanted generation lacks, by the microsecond of their task, 0 without one."""
        return f"{self._ours}generation_missing:{tenant}"

    def generation_failed(self, tenant: str) -> str:
        """hash: media id -> why the wanted generation will not have it."""
        return f"{self._ours}generation_failed:{tenant}"

    # ours: plugins ----------------------------------------------------------------------------------------------

    def plugin_configs(self, tenant: str) -> str:
        """hash: plugin -> the tenant's settings for it, encrypted."""
        return f"{self._ours}plugin_configs:{tenant}"

    def cooldown(self, name: str) -> str:
        """string: there while work with somebody outside has to rest."""
        return f"{self._ours}cooldown:{name}"

    # ours: search -----------------------------------------------------------------------------------------------

    def search_requests(self) -> str:
        """list: queries that wait for a search process."""
        return f"{self._ours}search_requests"

    def search_offers(self) -> str:
        """list: queries that a search process cannot answer yet, for others."""
        return f"{self._ours}search_offers"

    def search_reply(self, request_id: str) -> str:
        """list: the answer to one query."""
        return f"{self._ours}search_reply:{request_id}"

    def search_beat(self) -> str:
        """string: its age is the time since a search process was last known to be alive."""
        return f"{self._ours}search_beat"

    # ours: access -----------------------------------------------------------------------------------------------

    def api_key(self, key_id: str) -> str:
        """hash: one API key, its secret as a digest."""
        return f"{self._ours}api_key:{key_id}"

    def api_keys(self) -> str:
        """sorted set: ids of all API keys by the microsecond of creation."""
        return f"{self._ours}api_keys"

    def api_keys_of(self, tenant: str) -> str:
        """sorted set: the same of one tenant."""
        return f"{self._ours}api_keys:{tenant}"

    def api_key_tenants(self) -> str:
        """hash: UUID of a tenant with API keys -> the microsecond at which the last one expires, if it does; name."""
        return f"{self._ours}api_key_tenants"

    def audit_logs(self) -> str:
        """set: names of the tenants that have an audit log; empty for that of the command line."""
        return f"{self._ours}audit_logs"

    def audit_log(self, tenant: str) -> str:
        """stream: the newest changes that were made with a tenant's keys: who, what, before and after."""
        return f"{self._ours}audit_log:{tenant}"

    # ours: in the Redis of an RQ system whose queues are taken over -------------------------------------------------

    def adopted_queues(self) -> str:
        """set: names of the queues whose jobs are taken over."""
        return f"{self._ours}adopted_queues"

    def adopted_jobs(self, queue: str) -> str:
        """hash: id of a job that is ours -> which time it is, and whether its run has begun: ``1:waiting``."""
        return f"{self._ours}adopted_jobs:{queue}"

    def taken_jobs(self, queue: str) -> str:
        """list: ids of jobs that are ours and no tasks yet."""
        return f"{self._ours}taken_jobs:{queue}"

    # ours: requests ---------------------------------------------------------------------------------------------

    def idempotency(self, digest: str) -> str:
        """hash: what became of the request with an idempotency key."""
        return f"{self._ours}idempotency:{digest}"
