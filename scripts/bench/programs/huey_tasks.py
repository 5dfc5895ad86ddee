"""Huey with its default Redis storage, results kept."""

import os

from huey import RedisHuey
from latency import record

huey = RedisHuey("bench", url=os.environ["REDIS_URL"])


@huey.task()
def noop() -> int:
    return 1


@huey.task()
def stamp(sent: int) -> int:
    record(sent)
    return 1


async def one() -> None:
    noop()


async def stamped(sent: int) -> None:
    stamp(sent)
