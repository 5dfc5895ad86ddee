"""Removes ended tasks and flows when their retention is over, one at a time, so that no script takes long.

Where a foreign hand has deleted tasks that had tags, it takes them out of the tags' indexes, some in each round.
"""

from collections.abc import Iterator

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
#: Steps in the indexes of tags in each round.
_TIDIED = 50
#: Flows that one script removes; the server frees them beside its work.
_FLOWS = 20


class Prune:
    name = "prune"

    def __init__(self, store: Transitions, redis: "Redis", keys: Keys, settings: BrokerSettings) -> None:
        self._store = store
        self._redis = redis
        self._keys = keys
        self._retention_us = int(settings.retention_days * 86_400 * 1_000_000)
        self._tidying: Iterator[None] = iter(())

    def tick(self) -> float:
        more = self._store.prune_flows(retention_us=self._retention_us, limit=_FLOWS) == _FLOWS
        for key in sorted(self._redis.smembers(self._keys.rq_queues())):
            queue = key.removeprefix(self._keys.rq_queue(""))
            for status in sorted(TERMINAL):
                more = self._prune(queue, status) or more
        if not more:
            self._tidy()
        return _PAUSE if more else _EVERY

    def _tidy(self) -> None:
        """Goes on looking through the indexes of tags, and begins anew at their end."""
        for _ in range(_TIDIED):
            if next(self._tidying, "over") == "over":
                self._tidying = self._tags()
                return

    def _tags(self) -> Iterator[None]:
        for tenant in sorted(self._redis.smembers(self._keys.tenants())):
            for tag in sorted(self._redis.smembers(self._keys.tags(tenant))):
                rank = 0
                while rank >= 0:
                    rank = self._store.tidy_tag(tenant, tag, rank)
                    yield

    def _prune(self, queue: str, status: str) -> bool:
        """Whether there may be more."""
        return all(
            self._store.prune(queue, status, retention_us=self._retention_us, limit=_BATCH) == _BATCH
            for _ in range(_BATCHES)
        )
