"""The live state of the queues: depth, ages, limits, tokens, workers, throughput. Reads only."""

from collections import defaultdict
from typing import Any

from redis import Redis

from broker.engine.keys import Keys
from broker.engine.values import moment, number
from broker.task import Queue

#: RQ's registries are scored ten years ahead, out of reach of RQ's cleanups; see KEEP_US in task.lua.
KEEP_SECONDS = 315_360_000
_TOKEN = 1_000_000_000
_WINDOW_SECONDS = 60


class QueueStates:
    """Two round trips for all types together."""

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
                    reads.lindex(keys.rq_queue(queue), 0)
                    reads.zcard(keys.registry("wip", queue))
                    reads.zcard(keys.registry("scheduled", queue))
                    reads.zcount(keys.registry("finished", queue), since, "+inf")
                    reads.zcount(keys.registry("failed", queue), since, "+inf")
                    wanted += [(name, each) for each in ("depth", "head", "processing", "scheduled", "ended", "ended")]
            facts: dict[str, dict[str, list[Any]]] = {name: defaultdict(list) for name in types}
            for (name, what), value in zip(wanted, reads.execute(), strict=True):
                facts[name][what].append(value)
        self._look_up(facts)
        return facts

    def _look_up(self, facts: dict[str, dict[str, list[Any]]]) -> None:
        """Replaces heads by the time they began to wait, and worker keys by whether the worker still lives."""
        with self._redis.pipeline(transaction=False) as reads:
            for each in facts.values():
                each["head"] = [head for head in each["head"] if head]
                for head in each["head"]:
                    reads.hmget(self._keys.job(head), "enqueued_at", "created_at")
                each["workers"] = sorted(each["workers"][0])
                for worker in each["workers"]:
                    reads.exists(worker)
            answers = iter(reads.execute())
        for each in facts.values():
            each["head"] = [next(answers) for _ in each["head"]]
            each["workers"] = [next(answers) for _ in each["workers"]]


def _queue(name: str, facts: dict[str, list[Any]], now_us: int) -> Queue:
    limits = facts["limits"][0]
    since = [moment(enqueued or created) for enqueued, created in facts["head"]]
    waits = [now_us - us for us in since if us is not None]
    rate = number(limits.get("rate")) or None
    return Queue(
        type=name,
        depth=sum(facts["depth"]),
        scheduled=sum(facts["scheduled"]),
        processing=sum(facts["processing"]),
        oldest_age_seconds=max(0, max(waits)) / 1e6 if waits else None,
        rate=rate / 1000 if rate else None,
        burst=number(limits.get("burst"), 1),
        tokens=_tokens(limits, rate, now_us) if rate else None,
        concurrency=number(limits.get("concurrency")) or None,
        paused=limits.get("paused") == "1",
        workers=sum(facts["workers"]),
        throughput=sum(facts["ended"]) / _WINDOW_SECONDS,
    )


def _tokens(limits: dict[str, str], rate: int, now_us: int) -> float:
    elapsed = max(0, now_us - number(limits.get("ts"), now_us))
    level = min(number(limits.get("burst"), 1) * _TOKEN, number(limits.get("level")) + elapsed * rate)
    return max(0.0, round(level / _TOKEN, 3))  # below zero while a start that was granted ahead is still to come
