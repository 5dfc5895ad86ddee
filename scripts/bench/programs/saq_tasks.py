"""SAQ with its Redis queue and default concurrency (10 a process)."""

import os
from typing import Any

from latency import record
from saq import Queue

queue = Queue.from_url(os.environ["REDIS_URL"], name="bench")


async def noop(_context: dict[str, Any]) -> int:
    return 1


async def stamp(_context: dict[str, Any], *, sent: int) -> int:
    record(sent)
    return 1


async def one() -> None:
    await queue.enqueue("noop")


async def stamped(sent: int) -> None:
    await queue.enqueue("stamp", sent=sent)


settings = {"queue": queue, "functions": [noop, stamp], "concurrency": 10}
