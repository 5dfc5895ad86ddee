"""The face of the broker: what gateway, command line and tests call. Everything behind it speaks Redis."""

from functools import cached_property

from broker.config import BrokerSettings
from broker.engine.connection import connect, redis_errors
from broker.engine.keys import Keys
from broker.engine.probe import Probe
from broker.engine.script_connection_pool import ScriptConnectionPool
from broker.engine.transitions import Transitions
from broker.errors import Unavailable
from broker.live.live import Live
from broker.media.open_storage import open_storage
from broker.media.records import MediaStore
from broker.media.search import SearchBus
from broker.media.storage import Storage
from broker.media.vectors import RedisVectors, VectorStore
from broker.plugins.configs import PluginConfigs
from broker.plugins.cooldowns import Cooldowns
from broker.queues.daemons import Daemons
from broker.queues.queues import Queues
from broker.queues.workers import Workers
from broker.task_type import TaskTypes
from broker.tasks.idempotency import Idempotency
from broker.tasks.tasks import Tasks
from broker.webhooks.endpoints import Webhooks


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
        self.transitions = Transitions(ScriptConnectionPool(self.redis), self.keys)
        self.probe = Probe(self.transitions.redis, self.keys)
        self.workers = Workers(self.redis, self.keys)
        self.daemons = Daemons(self.redis, self.keys)
        self.queues = Queues(self.redis, self.transitions, types)
        self.tasks = Tasks(self.redis, self.transitions, settings, types, self.queues, lambda: self.live)

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
    def live(self) -> Live:
        return Live(self.settings.redis_url, self.keys)

    @cached_property
    def idempotency(self) -> Idempotency:
        return Idempotency(self.redis, self.keys, self.settings.secret_key)

    @cached_property
    def media(self) -> MediaStore:
        return MediaStore(self.redis, self.keys)

    @cached_property
    def storage(self) -> Storage:
        return open_storage(self.settings.storage_url, self.settings.data_dir)

    @cached_property
    def vectors(self) -> VectorStore:
        return RedisVectors(connect(self.settings.redis_url, decode_responses=False), self.keys)

    @cached_property
    def plugin_configs(self) -> PluginConfigs:
        return PluginConfigs(self.redis, self.keys, self.settings.secret_key)

    @cached_property
    def cooldowns(self) -> Cooldowns:
        return Cooldowns(self.redis, self.keys)

    @cached_property
    def search(self) -> SearchBus:
        return SearchBus(self.redis, self.keys)

    @cached_property
    def webhooks(self) -> Webhooks:
        settings = self.settings
        return Webhooks(self.redis, self.keys, settings.secret_key, allow_private=settings.webhooks_allow_private)
