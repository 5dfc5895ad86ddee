"""This project: one type without limits, on the real broker and the real worker; run as a program it is a worker."""

import os
from typing import Any

from latency import record
from marshmallow import fields

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.context import TaskContext
from broker.schema import Schema
from broker.task import NewTask
from broker.task_type import TaskType
from broker.tasks.submission import MAX_BATCH
from broker.worker import supervisor


class Payload(Schema):
    """When a stamped task was sent, in nanoseconds; nothing for a no-op."""

    sent = fields.Integer()


def run(context: TaskContext) -> dict[str, Any]:
    if "sent" in context.payload:
        record(context.payload["sent"])
    return {"n": 1}


TYPES = {"Noop": TaskType("Noop", Payload, "ours_tasks:run")}
settings = BrokerSettings.from_env(os.environ)
broker = Broker.connect(settings, TYPES)


async def one() -> None:
    broker.tasks.submit("acme", NewTask("Noop", {}))


async def many(count: int) -> None:
    for start in range(0, count, MAX_BATCH):
        broker.tasks.submit_many("acme", [NewTask("Noop", {})] * min(MAX_BATCH, count - start))


async def stamped(sent: int) -> None:
    broker.tasks.submit("acme", NewTask("Noop", {"sent": sent}))


if __name__ == "__main__":
    supervisor.run(settings, TYPES)
