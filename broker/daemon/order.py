"""Moves what has to change its place in line: tasks that grow older, and what holds put aside or let go."""

from collections.abc import Iterator

from redis import Redis

from broker.engine.transitions import Transitions
from broker.queues.holds import Holds

#: Seconds between two looks, where nothing is due before, and between two looks for what does not grow older yet.
_EVERY = 1.0
_ENTER_EVERY = 10.0
#: Seconds of one step of holds.
_STEP = 0.05
#: Tasks of one script.
_BATCH = 100


class Order:
    name = "order"

    def __init__(self, redis: "Redis", store: Transitions, holds: Holds) -> None:
        self._redis = redis
        self._store = store
        self._holds = holds
        self._round: Iterator[None] | None = None
        self._rest = 0.0

    def tick(self) -> float:
        moved, wait_us = self._store.lift(limit=_BATCH)
        busy = self._holds.settle(_STEP) or moved >= _BATCH
        self._enter_some()
        wait = _EVERY if wait_us < 0 else min(_EVERY, wait_us / 1e6)
        self._rest -= wait
        return 0.0 if busy or self._round else wait

    def _enter_some(self) -> None:
        """What waited before its type had aging, or was submitted by an older release, grows older from now on."""
        if self._round is None and self._rest <= 0:
            self._round = self._enter()
        if self._round is not None and next(self._round, "over") == "over":
            self._round, self._rest = None, _ENTER_EVERY

    def _enter(self) -> Iterator[None]:
        keys = self._store.keys
        aging = [name for name in self._redis.smembers(keys.types()) if self._redis.hget(keys.limits(name), "aging")]
        for name in sorted(aging):
            for tenant in sorted(self._redis.smembers(keys.tenants())):
                after = "-inf"
                while after:
                    after = self._store.begin_aging(tenant, name, after, _BATCH)
                    yield
