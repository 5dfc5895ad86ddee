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
        """list: ids of waiting tasks; a queue is a type, or ``type:priority`` above priority 0."""
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
        """sorted set: names of non-empty queues by priority."""
        return f"{self._ours}ready"

    def due(self) -> str:
        """sorted set: scheduled tasks by the microsecond they are due."""
        return f"{self._ours}due"

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

    # ours: what reads need --------------------------------------------------------------------------------------

    def tenants(self) -> str:
        """set: names of all tenants that ever submitted."""
        return f"{self._ours}tenants"

    def index(self, tenant: str, type_name: str) -> str:
        """sorted set: the tenant's task ids of a type by status, then by creation; see `broker.status.score_range`."""
        return f"{self._ours}tasks:{tenant}:{type_name}"

    def unique(self, tenant: str, type_name: str, key: str) -> str:
        """string: id of the unfinished task that holds a caller's unique key."""
        return f"{self._ours}unique:{tenant}:{type_name}:{key}"

    def durations(self, tenant: str) -> str:
        """hash: type -> microseconds that the tenant's completed tasks took together."""
        return f"{self._ours}durations:{tenant}"

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

    def vectors(self, tenant: str, model: str) -> str:
        """hash: media id -> its kind and all its vectors by one model."""
        return f"{self._ours}vectors:{tenant}:{model}"

    def vector_changes(self, tenant: str, model: str) -> str:
        """stream: media ids whose vectors changed; the last entry's id is the version."""
        return f"{self._ours}vector_changes:{tenant}:{model}"

    def vector_models(self, tenant: str) -> str:
        """set: models of which the tenant has vectors."""
        return f"{self._ours}vector_models:{tenant}"

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

    def search_reply(self, request_id: str) -> str:
        """list: the answer to one query."""
        return f"{self._ours}search_reply:{request_id}"

    def search_beat(self) -> str:
        """string: its age is the time since a search process was last known to be alive."""
        return f"{self._ours}search_beat"

    # ours: requests ---------------------------------------------------------------------------------------------

    def idempotency(self, digest: str) -> str:
        """hash: what became of the request with an idempotency key."""
        return f"{self._ours}idempotency:{digest}"
