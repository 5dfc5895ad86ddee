"""Taskiq with its Redis stream broker, the one that acknowledges, and its result backend."""

import os

from latency import record
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

url = os.environ["REDIS_URL"]
broker = RedisStreamBroker(url).with_result_backend(RedisAsyncResultBackend(url, result_ex_time=500))


@broker.task(task_name="noop")
async def noop() -> int:
    return 1


@broker.task(task_name="stamp")
async def stamp(sent: int) -> int:
    record(sent)
    return 1


async def before() -> None:
    """Makes the stream's group of consumers."""
    await broker.startup()


async def one() -> None:
    await noop.kiq()


async def stamped(sent: int) -> None:
    await stamp.kiq(sent)
