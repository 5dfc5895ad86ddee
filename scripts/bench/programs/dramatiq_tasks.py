"""Dramatiq with its Redis broker; as by default it keeps no results and retries what fails."""

import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from latency import record

dramatiq.set_broker(RedisBroker(url=os.environ["REDIS_URL"]))


@dramatiq.actor
def noop() -> int:
    return 1


@dramatiq.actor
def stamp(sent: int) -> int:
    record(sent)
    return 1


async def one() -> None:
    noop.send()


async def stamped(sent: int) -> None:
    stamp.send(sent)
