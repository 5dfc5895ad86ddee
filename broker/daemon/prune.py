"""Removes ended tasks when their retention is over, one at a time, so that no script takes long."""

from redis import Redis

from broker.config import BrokerSettings
from broker.engine.keys import Keys
from broker.engine.transitions import Transitions
from broker.status import TERMINAL

_EVERY = 60.0
#: A single task, so that every script stays below five milliseconds: where little else is left, to free the pieces of a
#: few can take as long (docs/benchmarks.md).
_BATCH = 1
#: So many batches of a queue in a row that thousands of tasks go in a second, and so few that the daemon's other chores
#: do not wait. Redis is free between any two.
_BATCHES = 20
_PAUSE = 0.001


class Prune:
    name = "prune"

    def __init__(self, store: Transitions, redis: "Redis", keys: Keys, settings: BrokerSettings) -> None:
        self._store = store
        self._redis = redis
        self._keys = keys
        self._retention_us = int(settings.retention_days * 86_400 * 1_000_000)

    def tick(self) -> float:
        more = False
        for key in sorted(self._redis.smembers(self._keys.rq_queues())):
            queue = key.removeprefix(self._keys.rq_queue(""))
            for status in sorted(TERMINAL):
                more = self._prune(queue, status) or more
        return _PAUSE if more else _EVERY

    def _prune(self, queue: str, status: str) -> bool:
        """Whether there may be more."""
        return all(
            self._store.prune(queue, status, retention_us=self._retention_us, limit=_BATCH) == _BATCH
            for _ in range(_BATCHES)
        )
