"""Finds what RQ's own tools changed behind our back and makes every place of a task agree again.

Counting is cheap, so it is done all the time; only where the counts of RQ's structures and our indexes differ are the
members compared, and only tasks that stand out are reconciled.
"""

import logging
from collections import Counter
from collections.abc import Iterator

from redis import Redis

from broker.engine.keys import Keys
from broker.engine.scripts import Script
from broker.status import REGISTRY, Status, score_range

log = logging.getLogger(__name__)

_EVERY = 1.0
_PRIORITIES = range(11)
_CHUNK = 1000


class Audit:
    name = "audit"

    def __init__(self, redis: "Redis", keys: Keys, *, clock: str = "clock") -> None:
        self._redis = redis
        self._keys = keys
        self._census = Script("census")
        self._reconcile = Script("reconcile", clock=clock)

    def tick(self) -> float:
        for type_name in sorted(self._redis.smembers(self._keys.types())):
            differing = self._differing(type_name)
            if differing:
                self._mend(type_name, differing)
        self._forget_dead_workers()
        return _EVERY

    def _differing(self, type_name: str) -> list[Status]:
        answer = self._census(self._redis, prefix=self._keys.prefix, type=type_name)
        rows = zip(answer[::3], answer[1::3], answer[2::3], strict=True)
        return sorted({Status(status) for status, theirs, ours in rows if theirs != ours})

    def _mend(self, type_name: str, statuses: list[Status]) -> None:
        mended: dict[str, int] = {}
        for status in statuses:
            for task_id, tenant, queue in self._odd(type_name, status):
                done = self._reconcile(self._redis, prefix=self._keys.prefix, id=task_id, tenant=tenant, queue=queue)
                if done:
                    mended[done] = mended.get(done, 0) + 1
        if mended:
            log.warning("%s was changed from outside; now %s", type_name, mended)

    def _odd(self, type_name: str, status: Status) -> Iterator[tuple[str, str, str]]:
        """(task id, tenant or '', queue) of all that our indexes and RQ's structures do not agree about."""
        indexed = dict(self._indexed(type_name, status))
        placed = list(self._placed(type_name, status))
        queues = dict(placed)
        times = Counter(task_id for task_id, _ in placed)
        for task_id, queue in placed:
            if times[task_id] > 1 or task_id not in indexed:
                yield task_id, indexed.get(task_id, ""), queue
        for task_id, tenant in indexed.items():
            if task_id not in times:
                yield task_id, tenant, queues.get(task_id) or self._origin(task_id, type_name)

    def _origin(self, task_id: str, type_name: str) -> str:
        origin: str | None = self._redis.hget(self._keys.job(task_id), "origin")
        return origin or type_name

    def _indexed(self, type_name: str, status: Status) -> Iterator[tuple[str, str]]:
        """(task id, tenant) of our indexes."""
        for tenant in self._redis.smembers(self._keys.tenants()):
            index = self._keys.index(tenant, type_name)
            low, high = score_range(status)
            first = self._redis.zcount(index, "-inf", f"({low}")
            end = first + self._redis.zcount(index, low, high)
            for start in range(first, end, _CHUNK):
                for task_id in self._redis.zrange(index, start, min(start + _CHUNK, end) - 1):
                    yield task_id, tenant

    def _placed(self, type_name: str, status: Status) -> Iterator[tuple[str, str]]:
        """(task id, queue) of RQ's list or registry."""
        for priority in _PRIORITIES:
            queue = f"{type_name}:{priority}" if priority else type_name
            if status is Status.PENDING:
                ids = self._redis.lrange(self._keys.rq_queue(queue), 0, -1)
            else:
                ids = self._members(self._keys.registry(REGISTRY[status], queue))
            for task_id in ids:
                yield task_id.partition(":")[0], queue

    def _members(self, key: str) -> Iterator[str]:
        for member, _ in self._redis.zscan_iter(key, count=_CHUNK):
            yield member

    def _forget_dead_workers(self) -> None:
        known = sorted(self._redis.smembers(self._keys.workers()))
        with self._redis.pipeline(transaction=False) as reads:
            for key in known:
                reads.exists(key)
            alive = reads.execute()
        dead = [key for key, lives in zip(known, alive, strict=True) if not lives]
        if dead:
            self._redis.srem(self._keys.workers(), *dead)
            for type_name in self._redis.smembers(self._keys.types()):
                self._redis.srem(self._keys.registry("workers", type_name), *dead)
