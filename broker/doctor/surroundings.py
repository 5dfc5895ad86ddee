"""What belongs to no single task: ready queues, sleeping and dead workers, unique keys, durations."""

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from redis import Redis

from broker.doctor.finding import Finding
from broker.engine.keys import Keys
from broker.levels import LEVELS, queue_name, queue_names
from broker.status import RQ_STATUS, TERMINAL

_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?")
_ENDED = {RQ_STATUS[status] for status in TERMINAL}


class Surroundings:
    """Reads on one Redis client with ``decode_responses=True``."""

    def __init__(self, redis: "Redis", keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    def findings(self, types: list[str], tenants: list[str], unique_keys: Iterable[str]) -> Iterator[Finding]:
        """All that is wrong around the tasks."""
        for name in types:
            yield from self._not_ready(name)
            yield from self._limits(name)
        yield from self._unknown()
        yield from self._undeclared_names()
        yield from self._not_queues(types)
        yield from self._arrivals()
        yield from self._dead_sleepers()
        yield from self._dead_workers()
        for key in unique_keys:
            yield from self._wrongly_held(key)
        for tenant in tenants:
            yield from self._negative(tenant)

    def _not_ready(self, type_name: str) -> Iterator[Finding]:
        with self._redis.pipeline(transaction=True) as reads:
            for queue in queue_names(type_name):
                reads.exists(self._keys.rq_queue(queue))
                reads.exists(self._keys.shares(queue))
                reads.zscore(self._keys.ready(), queue)
                reads.sismember(self._keys.rq_queues(), self._keys.rq_queue(queue))
            answers = iter(reads.execute())
        for level in LEVELS:
            queue, listed, shared, score, known = queue_name(type_name, level), *islice(answers, 4)
            # Where nobody has a share, all of the queue is held, capped, or lifted to another.
            if (shared and score != level) or (listed and not known):
                yield Finding(f"queue {queue} has tasks, and workers do not know of them", "ready", queue)

    def _unknown(self) -> Iterator[Finding]:
        """Queues with tasks of ours whose type is not declared. Other programs' RQ queues are not ours."""
        for key in sorted(self._redis.smembers(self._keys.rq_queues())):
            queue = key.removeprefix(self._keys.rq_queue(""))
            if self._redis.hexists(self._keys.limits(queue.partition(":")[0]), "declared"):
                continue
            head = self._redis.lindex(key, 0)
            if head and self._redis.hexists(self._keys.job(head), "tenant"):
                yield Finding(f"queue {queue} has tasks of a type that nobody declares: start a worker that knows it")

    def _undeclared_names(self) -> Iterator[Finding]:
        for name in sorted(self._redis.smembers(self._keys.types())):
            has_tasks = self._redis.exists(*map(self._keys.rq_queue, queue_names(name)))
            if not has_tasks and not self._redis.hexists(self._keys.limits(name), "declared"):
                yield Finding(f"type {name} is listed, has no limits and no tasks", "type", name)

    def _limits(self, type_name: str) -> Iterator[Finding]:
        names = ("rate", "burst", "concurrency", "level", "ts", "alarm")
        values = self._redis.hmget(self._keys.limits(type_name), names)
        bad = [name for name, value in zip(names, values, strict=True) if not _is_number(value)]
        if bad:
            text = f"the limits of {type_name} cannot be read ({', '.join(bad)}), its tasks do not start"
            yield Finding(text, "limits", type_name)

    def _not_queues(self, types: list[str]) -> Iterator[Finding]:
        known = {queue for name in types for queue in queue_names(name)}
        for queue in self._redis.zrange(self._keys.ready(), 0, -1):
            if queue not in known and not self._redis.exists(self._keys.rq_queue(queue)):
                yield Finding(f"{queue} counts as a queue with tasks, and is none of a declared type", "ready", queue)

    def _arrivals(self) -> Iterator[Finding]:
        for queue, count in self._redis.hgetall(self._keys.arrivals()).items():
            if not _is_number(count):
                yield Finding(f"nothing can be put into queue {queue}: its last number is {count!r}", "arrivals", queue)

    def _dead_sleepers(self) -> Iterator[Finding]:
        for group in self._redis.hkeys(self._keys.groups()):
            for worker in self._redis.sscan_iter(self._keys.idle(group)):
                if not self._redis.exists(self._keys.worker(worker)):
                    yield Finding(f"worker {worker} is dead and counts as asleep", "sleeper", group, worker)

    def _dead_workers(self) -> Iterator[Finding]:
        for key in self._redis.sscan_iter(self._keys.workers()):
            if not self._redis.exists(key):
                yield Finding(f"worker {key.removeprefix(self._keys.worker(''))} is dead and listed", "workers")

    def _wrongly_held(self, key: str) -> Iterator[Finding]:
        holder = self._redis.get(key)
        status = self._redis.hget(self._keys.job(holder), "status") if holder else ""
        if status is None or status in _ENDED:
            place, end = key.removeprefix(self._keys.prefix + ":"), "has ended" if status else "is gone"
            yield Finding(f"{place} is held by task {holder}, which {end}", "unique", place)

    def _negative(self, tenant: str) -> Iterator[Finding]:
        for name, us in self._redis.hgetall(self._keys.durations(tenant)).items():
            if not _is_number(us) or int(float(us)) < 0:
                yield Finding(f"{tenant}'s {name} tasks took {us} microseconds together", "durations", tenant, name)


def _is_number(value: str | None) -> bool:
    """Whether a script reads it as one; nothing, and no limit, are fine."""
    return not value or bool(_NUMBER.fullmatch(value))
