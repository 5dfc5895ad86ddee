"""Removes ended tasks when their retention is over, a small batch at a time, so that no script takes long."""

from broker.config import BrokerSettings
from broker.keys import Keys
from broker.status import TERMINAL
from broker.store import Store

_EVERY = 60.0
#: So many that the script nearly always stays below five milliseconds (docs/benchmarks.md).
_BATCH = 20
#: Between two full batches: old tasks go faster than new ones can end, and Redis is free in between.
_PAUSE = 0.001


class Prune:
    name = "prune"

    def __init__(self, store: Store, keys: Keys, settings: BrokerSettings) -> None:
        self._store = store
        self._keys = keys
        self._retention_us = int(settings.retention_days * 86_400 * 1_000_000)

    def tick(self) -> float:
        full = False
        for key in sorted(self._store.redis.smembers(self._keys.rq_queues())):
            queue = key.removeprefix(self._keys.rq_queue(""))
            for status in sorted(TERMINAL):
                removed = self._store.prune(queue, status, retention_us=self._retention_us, limit=_BATCH)
                full = full or removed == _BATCH
        return _PAUSE if full else _EVERY
