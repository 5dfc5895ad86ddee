"""Everything that `/metrics` tells, read at once when it is asked for."""

from collections.abc import Sequence

from msgspec import Struct
from redis import Redis

from broker.engine.connection import redis_errors
from broker.engine.keys import Keys
from broker.forecast.accuracy import Accuracy
from broker.forecast.autoscale import Wanted
from broker.forecast.forecasts import Forecasts
from broker.metrics import counters
from broker.metrics.counters import Counts
from broker.queues.daemons import Daemons
from broker.queues.queues import Queues
from broker.queues.state import Queue
from broker.queues.workers import Worker, Workers

#: Seconds within which tasks are to start, for the number of workers that is wanted; as `/api/autoscale` takes it.
OBJECTIVE = 60.0
#: What of Redis' own report is told.
_REPORT = ("used_memory", "maxmemory", "connected_clients", "rejected_connections", "evicted_keys", "uptime_in_seconds")


class Readings(Struct, frozen=True):
    """Of one moment."""

    queues: list[Queue]
    counts: Counts
    accuracies: dict[str, Accuracy | None]
    wanted: list[Wanted]
    workers: dict[str, int]
    daemons: int
    #: Events that are not with their endpoints yet, and those that could not be told.
    outbox: int
    outbox_aside: int
    redis: dict[str, int]


class Metrics:
    """On one Redis client with ``decode_responses=True``."""

    def __init__(
        self, redis: "Redis", keys: Keys, queues: Queues, workers: Workers, daemons: Daemons, forecasts: Forecasts
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._queues = queues
        self._workers = workers
        self._daemons = daemons
        self._forecasts = forecasts

    def read(self, types: Sequence[str]) -> Readings:
        """Raises ``Unavailable``."""
        with redis_errors():
            counts = counters.read(self._redis, self._keys, types)
            with self._redis.pipeline(transaction=False) as reads:
                reads.xlen(self._keys.outbox())
                reads.xlen(self._keys.outbox_aside())
                reads.info()
                outbox, aside, report = reads.execute()
        return Readings(
            self._queues.list(),
            counts,
            self._forecasts.accuracies.read(types),
            self._forecasts.workers_wanted(OBJECTIVE),
            self._states(),
            len(self._daemons.list()),
            outbox,
            aside,
            {name: int(report.get(name, 0)) for name in _REPORT},
        )

    def _states(self) -> dict[str, int]:
        """Worker processes by what they do."""
        states = {"idle": 0, "busy": 0, "draining": 0}
        for worker in self._workers.list():
            states[_state(worker)] += 1
        return states


def _state(worker: Worker) -> str:
    if worker.draining:
        return "draining"
    return worker.state
