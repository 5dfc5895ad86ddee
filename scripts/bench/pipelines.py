"""The real scripts, many to a round trip: how a benchmark fills a server with waiting or finished tasks.

In a pipeline a script is not loaded on demand; ``Broker.connect`` has done that.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from broker.broker import Broker
from broker.engine.scripts import Script
from broker.tasks.submission import options

_BATCH = 500
_LEASE_US = 60_000_000
_WORKER = "filler"


@dataclass(frozen=True)
class Kind:
    """Tasks of one sort: their type, payload as JSON, tenant, and what their handler would answer, as JSON."""

    type: str
    payload: str
    tenant: str = "acme"
    result: str = '{"n":1}'


def submit(broker: Broker, kind: Kind, count: int) -> list[str]:
    """Submits ``count`` tasks; returns their ids in their order."""
    script = Script("submit")
    ids = [str(uuid.uuid4()) for _ in range(count)]
    for batch in _batches(ids):
        with broker.redis.pipeline(transaction=False) as pipeline:
            for task_id in batch:
                script(pipeline, **_submission(broker, kind, task_id))
            pipeline.execute()
    return ids


def finish(broker: Broker, kind: Kind, ids: list[str]) -> None:
    """Claims and finishes waiting tasks, which must be the only ones of their type, in the order of their ``ids``."""
    claim, end = Script("claim"), Script("finish")
    worker = {"prefix": broker.keys.prefix, "worker": _WORKER, "lease_us": _LEASE_US, "group": kind.type}
    for batch in _batches(ids):
        with broker.redis.pipeline(transaction=False) as pipeline:
            claim(pipeline, execution=batch[0], **worker)
            for task_id, following in zip(batch, [*batch[1:], ""], strict=True):
                # The execution under which a task is claimed has the task's own id here.
                end(pipeline, id=task_id, execution=task_id, next_execution=following, result=kind.result,
                    used="", media_id="", info=(), **worker)  # fmt: skip
            _, *answers = pipeline.execute()
        if any(outcome != "completed" for outcome, _ in answers):
            raise RuntimeError("other tasks of this type were waiting")


def _submission(broker: Broker, kind: Kind, task_id: str) -> dict[str, Any]:
    return {
        "prefix": broker.keys.prefix,
        "id": task_id,
        "tenant": kind.tenant,
        "payload": kind.payload,
        "options": options(kind.type, 0, max_retries=3, timeout=3600),
        "bounds": 0,
        "trace": "",
        "media": (),
    }


def _batches(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), _BATCH):
        yield ids[start : start + _BATCH]
