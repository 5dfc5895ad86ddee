"""How things stand, in lines for a person: versions, counts, and why the oldest waiting task of each type waits."""

import platform
from collections.abc import Iterator
from typing import Any

from redis import Redis

from broker.engine.keys import Keys
from broker.engine.scripts import Script
from broker.queues.state import Queue, QueueStates, oldest
from broker.rq_records import RQ_VERSION


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
        ((task_id, _, cap),) = oldest(redis, keys, [queue.type])
        if task_id and queue.oldest_age_seconds is not None:
            yield f"  {task_id} waits for {queue.oldest_age_seconds:.1f} s: {why(queue, suspended, cap)}"
        elif queue.depth:
            yield "  all that waits is put aside by holds: GET /api/holds tells by which"


def why(queue: Queue, suspended: bool, cap: str = "") -> str:
    """What keeps the oldest task of a queue from starting; ``cap`` as in oldest.lua."""
    if suspended:
        return "rq suspend holds everything; rq resume lets it go on"
    if queue.paused:
        return "the queue is paused"
    if not queue.workers:
        return "no worker listens to this type"
    if cap:
        return f"its {cap.removesuffix('_cap')} is at a cap"
    if queue.concurrency is not None and queue.processing >= queue.concurrency:
        return f"as many as allowed are running ({queue.concurrency})"
    if queue.tokens is not None and queue.tokens < 1:
        return f"throttled to {queue.rate:g} starts a second"
    return "the workers are busy"
