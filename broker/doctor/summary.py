"""How things stand, in lines for a person: versions, counts, and why the oldest waiting task of each type waits."""

import platform
from collections.abc import Iterator
from typing import Any

from redis import Redis

from broker.doctor.places import queues_of
from broker.engine.keys import Keys
from broker.engine.scripts import Script
from broker.queues.state import QueueStates
from broker.rq_records import RQ_VERSION
from broker.task import Queue


def summary(redis: "Redis", keys: Keys, types: list[str]) -> Iterator[str]:
    """The lines. Reads only."""
    info: dict[str, Any] = redis.info("server")
    version = info.get("valkey_version") or info.get("redis_version")
    yield f"server {info.get('server_name', 'redis')} {version}, RQ {RQ_VERSION}, Python {platform.python_version()}"
    suspended, census = bool(redis.exists(keys.suspended())), Script("census")
    for queue in QueueStates(redis, keys).read(types):
        rows = census(redis, prefix=keys.prefix, type_name=queue.type)
        counts = dict(zip(rows[::3], rows[2::3], strict=True))
        yield f"{queue.type}: " + ", ".join(f"{count} {status}" for status, count in counts.items())
        if not queue.workers:
            yield "  no worker listens to it"
        if queue.depth:
            age = f" for {queue.oldest_age_seconds:.1f} s" if queue.oldest_age_seconds is not None else ""
            yield f"  {_head(redis, keys, queue.type)} waits{age}: {why(queue, suspended)}"


def why(queue: Queue, suspended: bool) -> str:
    """What keeps the next task of a queue from starting."""
    if suspended:
        return "rq suspend holds everything; rq resume lets it go on"
    if queue.paused:
        return "the queue is paused"
    if not queue.workers:
        return "no worker listens to this type"
    if queue.concurrency is not None and queue.processing >= queue.concurrency:
        return f"as many as allowed are running ({queue.concurrency})"
    if queue.tokens is not None and queue.tokens < 1:
        return f"throttled to {queue.rate:g} starts a second"
    return "the workers are busy"


def _head(redis: "Redis", keys: Keys, type_name: str) -> str:
    """The task that was created first among the heads of the type's queues."""
    heads = [head for queue in queues_of(type_name) if (head := redis.lindex(keys.rq_queue(queue), 0))]
    return min(heads, key=lambda head: int(redis.hget(keys.job(head), "us") or 0), default="the next task")
