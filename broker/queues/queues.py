"""What may be done with queues: declare their types, read how they stand, change their limits."""

import math
from typing import Any

from redis import Redis

from broker.engine.connection import redis_errors
from broker.engine.store import Store
from broker.errors import NotFound
from broker.queues import limits
from broker.queues.limits import KEEP
from broker.queues.state import QueueStates
from broker.task import Queue
from broker.task_type import TaskTypes


class Queues:
    """The queue of every task type, on one Redis client with ``decode_responses=True``."""

    def __init__(self, redis: "Redis", store: Store, types: TaskTypes) -> None:
        self._store = store
        self._types = types
        self._states = QueueStates(redis, store.keys)

    def declare(self) -> None:
        """Makes the types known to all processes, with the defaults of their queues; may be repeated."""
        with redis_errors():
            for each in self._types.values():
                self._store.declare(
                    each.name,
                    limits.rate_argument(each.rate),
                    limits.burst_argument(each.burst),
                    limits.concurrency_argument(each.concurrency),
                )

    def list(self) -> list[Queue]:
        """The queue of every type."""
        with redis_errors():
            return self._states.read(sorted(self._types))

    def configure(self, type_name: str, *, rate: Any = KEEP, burst: Any = KEEP, concurrency: Any = KEEP,
                  paused: Any = KEEP, tenant: str = "") -> Queue:  # fmt: skip
        """Changes limits for every worker at once, and tells ``tenant``. Raises ``NotFound``, ``InvalidInput``."""
        if type_name not in self._types:
            raise NotFound(f"There is no task type {type_name!r}.")
        with redis_errors():
            self._store.configure(
                type_name,
                rate=limits.rate_argument(rate),
                burst=limits.burst_argument(burst),
                concurrency=limits.concurrency_argument(concurrency),
                paused=limits.paused_argument(paused),
                tenant=tenant,
            )
            return self._states.read([type_name])[0]

    def seconds_per_task(self, type_name: str) -> int:
        """Seconds in which one more task is likely to end: one over the throughput, at most an hour; 60 without any."""
        with redis_errors():
            throughput = self._states.read([type_name])[0].throughput
        return min(3600, math.ceil(1 / throughput)) if throughput else 60
