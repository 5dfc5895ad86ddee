"""RQ: its queue and its two kinds of worker."""

import os

from latency import record
from redis import Redis
from rq import Queue

queue = Queue("bench", connection=Redis.from_url(os.environ["REDIS_URL"]))


def noop() -> int:
    return 1


def stamp(sent: int) -> int:
    record(sent)
    return 1


async def one() -> None:
    queue.enqueue("rq_tasks.noop")


async def many(count: int) -> None:
    for start in range(0, count, 500):
        size = min(500, count - start)
        queue.enqueue_many([Queue.prepare_data("rq_tasks.noop") for _ in range(size)])


async def stamped(sent: int) -> None:
    queue.enqueue("rq_tasks.stamp", sent)
