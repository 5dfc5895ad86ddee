"""What may be done with queues: declare their types, read how they stand, change their limits."""

import math
from functools import partial
from typing import Any

from redis import Redis

from broker.actor import Actor
from broker.engine.connection import redis_errors
from broker.engine.transitions import Transitions
from broker.errors import NotFound, Unavailable
from broker.queues import limits
from broker.queues.limits import KEEP
from broker.queues.state import Queue, QueueStates
from broker.task_type import TaskTypes


class Queues:
    """The queue of every task type, on one Redis client with ``decode_responses=True``."""

    def __init__(self, redis: "Redis", store: Transitions, types: TaskTypes) -> None:
        self._redis = redis
        self._store = store
        self._types = types
        self._states = QueueStates(redis, store.keys)

    def declare(self) -> None:
        """Makes the types known to all processes, with the defaults of their queues.

        Everybody repeats it (``daemon.declare``), because Redis may lose what it knows.
        """
        if self._types:
            with redis_errors():
                self._store.declare(limits.declarations(self._types))

    def undeclared(self) -> "list[str]":
        """Those of the types that Redis does not know (any more): none of their tasks start."""
        names = sorted(self._types)
        with redis_errors(), self._redis.pipeline(transaction=False) as reads:
            for name in names:
                reads.hexists(self._store.keys.limits(name), "declared")
            return [name for name, known in zip(names, reads.execute(), strict=True) if not known]

    def list(self) -> list[Queue]:
        """The queue of every type."""
        with redis_errors():
            return self._states.read(sorted(self._types))

    def configure(self, type_name: str, *, rate: Any = KEEP, burst: Any = KEEP, concurrency: Any = KEEP,
                  paused: Any = KEEP, by: Actor | None = None, **caps: Any) -> Queue:  # fmt: skip
        """Changes limits for every worker at once, and tells the actor's tenant.

        ``caps`` are those of ``limits.caps_argument``.

        Raises ``NotFound``, ``InvalidInput``.
        """
        if type_name not in self._types:
            raise NotFound(f"There is no task type {type_name!r}.")
        configure = partial(
            self._store.configure,
            type_name,
            rate=limits.rate_argument(rate),
            burst=limits.burst_argument(burst),
            concurrency=limits.concurrency_argument(concurrency),
            paused=limits.paused_argument(paused),
            caps=limits.caps_argument(**caps),
            tenant=by.tenant if by else "",
            by=by,
        )
        with redis_errors():
            if not configure():  # Redis has lost the type
                self.declare()
                if not configure():
                    raise Unavailable(f"{type_name} is not declared; repeat the request.", retry_after=2)
            return self._states.read([type_name])[0]

    def seconds_per_task(self, type_name: str) -> int:
        """Seconds in which one more task is likely to end: one over the throughput, at most an hour; 60 without any."""
        with redis_errors():
            throughput = self._states.read([type_name])[0].throughput
        return min(3600, math.ceil(1 / throughput)) if throughput else 60
