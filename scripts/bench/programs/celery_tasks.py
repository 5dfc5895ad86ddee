"""Celery with its Redis transport and result backend, default acknowledgement (early) and prefetch (4)."""

import os

from celery import Celery
from latency import record

app = Celery("celery_tasks", broker=os.environ["REDIS_URL"], backend=os.environ["REDIS_URL"])
app.conf.broker_connection_retry_on_startup = True


@app.task(name="noop")
def noop() -> int:
    return 1


@app.task(name="stamp")
def stamp(sent: int) -> int:
    record(sent)
    return 1


async def one() -> None:
    noop.delay()


async def stamped(sent: int) -> None:
    stamp.delay(sent)
