"""Counts, from RQ's registries, what has happened since they were last looked at."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from redis import Redis

from broker.engine.keys import Keys
from broker.engine.values import moment
from broker.forecast.history import STEP, Quantiles, Row
from broker.levels import split_queue
from broker.queues.state import KEEP_SECONDS
from broker.status import ENDS, REGISTRY, Status, score_range

#: Tasks of a level whose times are looked at.
_SAMPLE = 100
#: Tenants whose submissions are counted, and that are named.
_TENANTS, _NAMED = 100, 20
#: Ends that only a run comes to.
_OF_RUNS = (Status.COMPLETED, Status.FAILED)
_TIMES = ("created_at", "enqueued_at", "started_at", "ended_at")


class _Held(NamedTuple):
    """What a queue holds at a moment."""

    waiting: int
    running: int


class _Looked(NamedTuple):
    """What one look at a queue finds."""

    held: _Held
    ended: dict[Status, int]
    #: Completed lately, and running.
    sample: list[str]


class Sampler:
    """Compares each look with the last. On one Redis client with ``decode_responses=True``; its errors pass through."""

    def __init__(self, redis: "Redis", keys: Keys) -> None:
        self._redis = redis
        self._keys = keys
        self._before: dict[str, _Held] = {}
        self._slot = 0

    def rows(self, queues: Mapping[str, list[str]]) -> dict[str, Row]:
        """The ten seconds that have just ended, of each type in which something happened.

        Nothing at the first look, or when one was left out.
        """
        slot = self._seconds() // STEP
        looks = self._look([each for of_type in queues.values() for each in of_type], slot * STEP)
        before, follows = self._before, slot == self._slot + 1
        self._before, self._slot = {queue: look.held for queue, look in looks.items()}, slot
        if not follows:
            return {}
        rows = {}
        for name, of_type in queues.items():
            row = self._row((slot - 1) * STEP, {queue: looks[queue] for queue in of_type}, before)
            if row != Row(row.at):
                rows[name] = replace(row, tenants=self._tenants(name, row.at)) if row.arrived else row
        return rows

    def _tenants(self, type_name: str, at: int) -> dict[str, int]:
        """Who submitted how many tasks of the type in the ten seconds."""
        members: Any = self._redis.srandmember(self._keys.tenants(), _TENANTS)
        tenants = sorted(members)
        first, last = at * 1_000_000, (at + STEP) * 1_000_000 - 1
        with self._redis.pipeline(transaction=False) as reads:
            for tenant in tenants:
                for status in Status:
                    reads.zcount(self._keys.index(tenant, type_name), *score_range(status, first, last))
            found = reads.execute()
        width = len(Status)
        counts = Counter({each: sum(found[n * width : (n + 1) * width]) for n, each in enumerate(tenants)})
        return {tenant: count for tenant, count in counts.most_common(_NAMED) if count}

    def _seconds(self) -> int:
        """Since the epoch, on the server's clock."""
        return int(self._redis.time()[0])

    def _look(self, queues: list[str], until: int) -> dict[str, _Looked]:
        """``until``: the end of the ten seconds that are counted."""
        low, high = until - STEP + KEEP_SECONDS, f"({until + KEEP_SECONDS}"
        keys = self._keys
        with self._redis.pipeline(transaction=True) as reads:
            for queue in queues:
                reads.llen(keys.rq_queue(queue))
                reads.zcard(keys.registry("wip", queue))
                for end in ENDS:
                    reads.zcount(keys.registry(REGISTRY[end], queue), low, high)
                reads.zrevrangebyscore(keys.registry("finished", queue), high, low, 0, _SAMPLE)
                reads.zrange(keys.registry("wip", queue), 0, _SAMPLE - 1)
            found = iter(reads.execute())
        looks = {}
        for queue in queues:
            held = _Held(next(found), next(found))
            counts = {end: next(found) for end in ENDS}
            completed, runs = next(found), next(found)
            sample = [*completed, *(run.partition(":")[0] for run in runs)]
            looks[queue] = _Looked(held, counts, sample)
        return looks

    def _row(self, at: int, looks: Mapping[str, _Looked], before: Mapping[str, _Held]) -> Row:
        started = 0
        arrived: dict[int, int] = {}
        for queue, look in looks.items():
            was = before.get(queue, _Held(0, 0))
            of_runs = sum(look.ended[end] for end in _OF_RUNS)
            begun = max(0, of_runs + look.held.running - was.running)
            came = max(0, begun + sum(look.ended.values()) - of_runs + look.held.waiting - was.waiting)
            started += begun
            if came:
                arrived[split_queue(queue)[1]] = came
        waits, runs = self._times(at, [task_id for look in looks.values() for task_id in look.sample])
        return Row(
            at,
            started,
            {end: sum(look.ended[end] for look in looks.values()) for end in ENDS},
            _quantiles(waits),
            _quantiles(runs),
            arrived,
        )

    def _times(self, at: int, task_ids: list[str]) -> tuple[list[float], list[float]]:
        """Seconds that those waited that started in the ten seconds, and that those took that completed in them."""
        waits, runs = [], []
        with self._redis.pipeline(transaction=False) as reads:
            for task_id in task_ids:
                reads.hmget(self._keys.job(task_id), _TIMES)
            rows: list[Any] = reads.execute(raise_on_error=False)
        for row in rows:
            created, enqueued, started, ended = map(moment, row) if isinstance(row, list) else (None,) * 4
            since = enqueued or created
            if started is not None and since is not None and at <= started / 1e6 < at + STEP:
                waits.append(max(0.0, (started - since) / 1e6))
            if started is not None and ended is not None and at <= ended / 1e6 < at + STEP:
                runs.append(max(0.0, (ended - started) / 1e6))
        return waits, runs


def _quantiles(seconds: list[float]) -> Quantiles | None:
    if not seconds:
        return None
    ordered = sorted(seconds)
    p50, p90 = (round(ordered[int(part * (len(ordered) - 1))], 3) for part in (0.5, 0.9))
    return Quantiles(p50, p90)
