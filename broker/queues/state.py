"""The live state of the queues: depth, ages, limits, tokens, workers, throughput. Reads only."""

from collections import defaultdict
from typing import Any

from msgspec import Struct
from redis import Redis

from broker.engine.keys import Keys
from broker.engine.scripts import Script
from broker.engine.values import number

#: RQ's registries are scored ten years ahead, out of reach of RQ's cleanups; see KEEP_US in task.lua.
KEEP_SECONDS = 315_360_000
_TOKEN = 1_000_000_000
_WINDOW_SECONDS = 60
#: Lines of each type, which are those of tenants and their groups, of which the oldest task is looked for.
_LINES = 500


class Queue(Struct, frozen=True):
    """The live state and the limits of one task type. Rates are starts per second, ages and durations seconds."""

    type: str
    depth: int
    scheduled: int
    processing: int
    oldest_age_seconds: float | None
    rate: float | None
    burst: int
    tokens: float | None
    concurrency: int | None
    tenant_rate: float | None
    tenant_burst: int
    tenant_concurrency: int | None
    group_concurrency: int | None
    aging_seconds: int | None
    paused: bool
    workers: int
    #: Tasks ended (completed or failed for good) per second over the last minute.
    throughput: float


def oldest(redis: "Redis", keys: Keys, types: list[str]) -> list[tuple[str, int, str]]:
    """Of each type the task that has stood in line for the longest, as oldest.lua has it; ``("", 0, "")`` for none."""
    rows = Script("oldest")(redis, prefix=keys.prefix, limit=_LINES, types=types) if types else []
    return [(task_id, int(since), cap) for task_id, since, cap in zip(rows[::3], rows[1::3], rows[2::3], strict=True)]


class QueueStates:
    """Three round trips for all types together."""

    def __init__(self, redis: "Redis", keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    def read(self, types: list[str]) -> list[Queue]:
        """The queue of each type, in the given order."""
        levels, now_us = self._levels(types)
        facts = self._facts(types, levels, now_us)
        return [_queue(name, facts[name], now_us) for name in types]

    def _levels(self, types: list[str]) -> tuple[dict[str, list[str]], int]:
        """The priority levels of each type that were ever used, and Redis' time in microseconds."""
        with self._redis.pipeline(transaction=False) as reads:
            reads.smembers(self._keys.rq_queues())
            reads.time()
            queues, (seconds, micros) = reads.execute()
        levels: dict[str, list[str]] = {name: [] for name in types}
        for key in queues:
            queue = key.removeprefix(self._keys.rq_queue(""))
            levels.get(queue.partition(":")[0], []).append(queue)
        return levels, seconds * 1_000_000 + micros

    def _facts(self, types: list[str], levels: dict[str, list[str]], now_us: int) -> dict[str, dict[str, list[Any]]]:
        keys, since = self._keys, now_us // 1_000_000 + KEEP_SECONDS - _WINDOW_SECONDS
        wanted: list[tuple[str, str]] = []
        with self._redis.pipeline(transaction=False) as reads:
            for name in types:
                reads.hgetall(keys.limits(name))
                reads.smembers(keys.registry("workers", name))
                wanted += [(name, "limits"), (name, "workers")]
                for queue in levels[name]:
                    reads.llen(keys.rq_queue(queue))
                    reads.zcard(keys.registry("wip", queue))
                    reads.zcard(keys.registry("scheduled", queue))
                    reads.zcount(keys.registry("finished", queue), since, "+inf")
                    reads.zcount(keys.registry("failed", queue), since, "+inf")
                    wanted += [(name, each) for each in ("depth", "processing", "scheduled", "ended", "ended")]
            facts: dict[str, dict[str, list[Any]]] = {name: defaultdict(list) for name in types}
            for (name, what), value in zip(wanted, reads.execute(), strict=True):
                facts[name][what].append(value)
        for name, (_, since, _) in zip(types, oldest(self._redis, keys, types), strict=True):
            facts[name]["since"].append(since)
        self._look_up(facts)
        return facts

    def _look_up(self, facts: dict[str, dict[str, list[Any]]]) -> None:
        """Replaces worker keys by whether the worker still lives."""
        with self._redis.pipeline(transaction=False) as reads:
            for each in facts.values():
                each["workers"] = sorted(each["workers"][0])
                for worker in each["workers"]:
                    reads.exists(worker)
            answers = iter(reads.execute())
        for each in facts.values():
            each["workers"] = [next(answers) for _ in each["workers"]]


def _queue(name: str, facts: dict[str, list[Any]], now_us: int) -> Queue:
    limits = facts["limits"][0]
    since = facts["since"][0]
    rate = number(limits.get("rate")) or None
    return Queue(
        type=name,
        depth=sum(facts["depth"]),
        scheduled=sum(facts["scheduled"]),
        processing=sum(facts["processing"]),
        oldest_age_seconds=max(0, now_us - since) / 1e6 if since else None,
        rate=rate / 1000 if rate else None,
        burst=number(limits.get("burst"), 1),
        tokens=_tokens(limits, rate, now_us) if rate else None,
        concurrency=number(limits.get("concurrency")) or None,
        tenant_rate=number(limits.get("tenant_rate")) / 1000 or None,
        tenant_burst=number(limits.get("tenant_burst"), 1),
        tenant_concurrency=number(limits.get("tenant_concurrency")) or None,
        group_concurrency=number(limits.get("group_concurrency")) or None,
        aging_seconds=number(limits.get("aging")) or None,
        paused=limits.get("paused") == "1",
        workers=sum(facts["workers"]),
        throughput=sum(facts["ended"]) / _WINDOW_SECONDS,
    )


def _tokens(limits: dict[str, str], rate: int, now_us: int) -> float:
    elapsed = max(0, now_us - number(limits.get("ts"), now_us))
    level = min(number(limits.get("burst"), 1) * _TOKEN, number(limits.get("level")) + elapsed * rate)
    return max(0.0, round(level / _TOKEN, 3))  # below zero while a start that was granted ahead is still to come
