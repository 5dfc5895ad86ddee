"""The face of the broker: what gateway, command line and tests call. Everything behind it speaks Redis."""

from functools import cached_property

from broker.access.api_keys import ApiKeys
from broker.access.audit_log import AuditLog
from broker.adoption.adoption import Adoption
from broker.adoption.source import Source
from broker.adoption.types import split
from broker.bill.bills import Bills
from broker.captions.captions import Captions
from broker.config import BrokerSettings
from broker.engine.connection import connect, redis_errors
from broker.engine.keys import Keys
from broker.engine.probe import Probe
from broker.engine.script_connection_pool import ScriptConnectionPool
from broker.engine.transitions import Transitions
from broker.errors import Unavailable
from broker.forecast.forecasts import Forecasts
from broker.forecast.waiting import Waiting
from broker.live.live import Live
from broker.live.log_tails import LogTails
from broker.media.fetching import Fetching
from broker.media.generations import Generations
from broker.media.open_storage import open_storage
from broker.media.records import MediaStore
from broker.media.storage import Storage
from broker.media.vectors import RedisVectors, VectorStore
from broker.metrics.readings import Metrics
from broker.operations.operations import Operations
from broker.operations.reprocessing import Reprocessing
from broker.operations.reprocessing_steps import ReprocessingSteps
from broker.plugins.configs import PluginConfigs
from broker.plugins.cooldowns import Cooldowns
from broker.queues.daemons import Daemons
from broker.queues.holds import Holds
from broker.queues.queues import Queues
from broker.queues.tenant_settings import TenantStore
from broker.queues.workers import Workers
from broker.removal.media import MediaRemoval
from broker.removal.remains import Remains
from broker.removal.task import TaskRemoval
from broker.removal.unfinished_tasks import Unfinished
from broker.search.client import SearchClient
from broker.search.server import SearchServer
from broker.task_logs import TaskLogs
from broker.task_type import TaskTypes
from broker.tasks.failures import Failures
from broker.tasks.idempotency import Idempotency
from broker.tasks.tasks import Tasks
from broker.uploads.uploads import Uploads
from broker.usage.ledger import Ledger
from broker.usage.quotas import bounds
from broker.usage.requests import RequestQuota
from broker.webhooks.endpoints import Webhooks

#: Seconds for one answer where others wait behind it.
_AT_ONCE = 0.25


class Broker:
    """All that the broker can do, each part under its name. Raises only the errors of ``broker.errors``.

    What opens connections, files or threads of its own is made when it is first asked for, so that a process may fork
    before.
    """

    def __init__(self, settings: BrokerSettings, types: TaskTypes) -> None:
        self.settings = settings
        self.types = types
        self.keys = Keys(settings.key_prefix)
        self.redis = connect(settings.redis_url)
        pool = ScriptConnectionPool(self.redis)
        #: Closes the connections that are at rest, before a fork say; the next call makes others.
        self.hang_up = pool.hang_up
        self._calls = pool
        self.transitions = Transitions(pool, self.keys)
        self.api_keys = ApiKeys(pool, self.keys)
        self.audit_log = AuditLog(self.redis, self.keys)
        self.probe = Probe(self.transitions.redis, self.keys)
        self.workers = Workers(self.redis, self.keys)
        self.daemons = Daemons(self.redis, self.keys)
        self.queues = Queues(self.redis, self.transitions, types)
        self.tenants = TenantStore(self.redis, self.transitions, types)
        self.task_logs = TaskLogs(self.redis, self.keys, settings.task_log_kib)
        self.holds = Holds(self.redis, self.transitions, types)
        self.tasks = Tasks(
            self.redis, self.transitions, settings, types, self.queues, lambda: self.live, lambda: self.forecasts
        )

    @classmethod
    def connect(cls, settings: BrokerSettings, types: TaskTypes) -> "Broker":
        """A broker whose task types are known to every process from now on. Raises ``Unavailable``."""
        broker = cls(settings, types)
        broker.queues.declare()
        return broker

    def check_ready(self) -> None:
        """Raises ``Unavailable`` unless Redis would accept a task, can keep it as demanded, and knows the types.

        It asks for leave to write and writes nothing; `broker.engine.probe`.
        """
        with redis_errors():
            self.probe.ask()
        self.tasks.durability.check()
        if missing := self.queues.undeclared():
            raise Unavailable(
                f"Not declared yet: {', '.join(missing)}. Every process that knows a type declares it within seconds.",
                retry_after=2,
            )

    def warnings(self) -> list[str]:
        """What keeps tasks from going on although they are accepted. Raises ``Unavailable``."""
        missing = [f"no worker listens to {queue.type}" for queue in self.queues.list() if not queue.workers]
        with redis_errors():
            if self.redis.exists(self.keys.suspended()):
                missing.append("rq suspend holds everything; rq resume lets it go on")
        if not self.daemons.list():
            missing.append("no daemon runs: nothing scheduled becomes due, nothing lost comes back, no webhook is sent")
        return missing

    @cached_property
    def api_keys_at_once(self) -> ApiKeys:
        """The same for who cannot wait: it raises ``Unavailable`` after a fraction of a second."""
        return ApiKeys(ScriptConnectionPool(connect(self.settings.redis_url, timeout=_AT_ONCE, retries=0)), self.keys)

    @cached_property
    def request_quota(self) -> RequestQuota:
        """For whoever lets requests in; they are not to wait for it."""
        pool = ScriptConnectionPool(connect(self.settings.redis_url, timeout=_AT_ONCE, retries=0))
        return RequestQuota(pool, self.keys, bounds(0, self.settings.quotas))

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self.redis, self.keys, self.settings.quotas)

    @cached_property
    def metrics(self) -> Metrics:
        return Metrics(self.redis, self.keys, self.queues, self.workers, self.daemons, self.forecasts)

    @cached_property
    def adoption(self) -> Adoption:
        settings = self.settings
        source = Source(settings.adopt_rq_url or settings.redis_url, settings.adopt_rq_prefix, self.keys)
        queues = split(settings.adopt_rq_queues)
        return Adoption(source, self.tasks, self.types, queues, settings.adopt_rq_tenant)

    @cached_property
    def live(self) -> Live:
        return Live(self.settings.redis_url, self.keys)

    @cached_property
    def log_tails(self) -> LogTails:
        return LogTails(self.settings.redis_url, self.keys)

    @cached_property
    def forecasts(self) -> Forecasts:
        return Forecasts(self.redis, self.keys, self.types)

    @cached_property
    def waiting(self) -> Waiting:
        return Waiting(self.redis, self.keys, self.forecasts)

    @cached_property
    def bills(self) -> Bills:
        return Bills(self.redis, self.keys)

    @cached_property
    def idempotency(self) -> Idempotency:
        return Idempotency(self.redis, self.keys, self.settings.secret_key)

    @cached_property
    def media(self) -> MediaStore:
        return MediaStore(self.redis, self.keys, self._calls)

    @cached_property
    def captions(self) -> Captions:
        return Captions(self.transitions, self.tasks.durability, lambda: self.storage)

    @cached_property
    def storage(self) -> Storage:
        return open_storage(self.settings.storage_url, self.settings.data_dir)

    @cached_property
    def uploads(self) -> Uploads:
        hours = self.settings.upload_expires_hours
        return Uploads(self.redis, self.keys, lambda: self.storage, self._bounds, hours)

    @cached_property
    def fetching(self) -> Fetching:
        return Fetching(self.redis, self.keys, self.settings.secret_key, self._bounds)

    @property
    def _bounds(self) -> str:
        return bounds(self.settings.max_pending, self.settings.quotas)

    @cached_property
    def vectors(self) -> VectorStore:
        return RedisVectors(connect(self.settings.redis_url, decode_responses=False), self.keys)

    @cached_property
    def generations(self) -> Generations:
        return Generations(self.redis, self.keys)

    @cached_property
    def media_removal(self) -> MediaRemoval:
        return MediaRemoval(self.transitions, self.tasks.durability, self.remains)

    @cached_property
    def task_removal(self) -> TaskRemoval:
        return TaskRemoval(self.tasks, lambda: self.storage)

    @cached_property
    def operations(self) -> Operations:
        steps = ReprocessingSteps(self.transitions, self.media, self.tasks.check, lambda: self._bounds)
        return Operations(self.redis, self.transitions, lambda: self.storage, steps)

    @cached_property
    def reprocessing(self) -> Reprocessing:
        return Reprocessing(self.tasks, self.media)

    @cached_property
    def failures(self) -> Failures:
        return Failures(self.redis, self.keys)

    @cached_property
    def remains(self) -> Remains:
        return Remains(self.tasks, self.unfinished, lambda: self.storage)

    @cached_property
    def unfinished(self) -> Unfinished:
        return Unfinished(self.redis, self.keys)

    @cached_property
    def plugin_configs(self) -> PluginConfigs:
        return PluginConfigs(self.redis, self.keys, self.settings.secret_key)

    @cached_property
    def cooldowns(self) -> Cooldowns:
        return Cooldowns(self.redis, self.keys)

    @cached_property
    def search(self) -> SearchClient:
        return SearchClient(self.redis, self.keys)

    @cached_property
    def search_server(self) -> SearchServer:
        return SearchServer(self.redis, self.keys)

    @cached_property
    def webhooks(self) -> Webhooks:
        settings = self.settings
        return Webhooks(self.redis, self.keys, settings.secret_key, allow_private=settings.webhooks_allow_private)
