"""Whether tasks that wait were submitted in a form which a type's present schema and handler understand.

A handler gets the payload as it was accepted, perhaps by an earlier release. When the schema has changed since, and
nothing turns old payloads into new ones, every such task would fail after all its retries. So a release is checked
before it is used, and a worker leaves such a type to others, where the tasks wait unharmed.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from redis import Redis

from broker.engine.connection import redis_errors
from broker.engine.keys import Keys
from broker.errors import InvalidInput
from broker.levels import queue_names
from broker.task_type import TaskType, TaskTypes
from broker.tasks import stored_json
from broker.tasks.installed_types import import_named

#: So many tasks are looked at from either end of each queue and schedule: what a release changes, it changes for all.
_FROM_EACH_END = 25


class Refused(NamedTuple):
    """What waits in a form that is not understood any more."""

    type: str
    #: Tasks that were looked at, and of these those that are refused.
    looked_at: int
    refused: int
    #: One of them, and what is wrong with it.
    example: str
    defect: str

    def __str__(self) -> str:
        return (
            f"{self.type}: {self.refused} of {self.looked_at} unfinished tasks that were looked at have payloads which "
            f"its schema refuses now, such as {self.example} ({self.defect}). Have the schema accept them, name in "
            "`upgrade` what makes new payloads of old ones, let workers of the former release finish them first, or "
            "cancel them."
        )


def current_payload(task_type: TaskType, payload: dict[str, Any]) -> dict[str, Any]:
    """The payload in the form of the present schema: as it is, or as ``upgrade`` makes it of one that is refused.

    Raises ``InvalidInput`` where that helps not, and whatever ``upgrade`` raises.
    """
    try:
        task_type.check_stored(payload)
    except InvalidInput:
        if not task_type.upgrade:
            raise
        upgraded: dict[str, Any] = import_named(task_type.upgrade)(dict(payload))
        task_type.check_stored(upgraded)
        return upgraded
    return payload


def refused_payloads(redis: "Redis", keys: Keys, types: TaskTypes) -> list[Refused]:
    """A line for each type of which such tasks wait or run, from a bounded sample. Raises ``Unavailable``."""
    found = []
    for each in types.values():
        defects = _defects(redis, keys, each) if each.loads_what_it_dumps else []
        bad = [(task_id, defect) for task_id, defect in defects if defect]
        if bad:
            found.append(Refused(each.name, len(defects), len(bad), *bad[0]))
    return found


def _defects(redis: "Redis", keys: Keys, task_type: TaskType) -> list[tuple[str, str]]:
    """What is wrong with each task of the sample, '' for nothing."""
    with redis_errors():
        ids = _sample(redis, keys, task_type.name)
        with redis.pipeline(transaction=False) as reads:
            for task_id in ids:
                reads.hmget(keys.job(task_id), "payload", "version")
            rows = reads.execute()
    return [
        (task_id, _defect(task_type, payload))
        for task_id, (payload, version) in zip(ids, rows, strict=True)
        if payload is not None and int(version or 1) <= task_type.version  # else it waits for a newer release
    ]


def _sample(redis: "Redis", keys: Keys, type_name: str) -> list[str]:
    with redis.pipeline(transaction=False) as reads:
        for queue in queue_names(type_name):
            for first, last in ((0, _FROM_EACH_END - 1), (-_FROM_EACH_END, -1)):
                reads.lrange(keys.rq_queue(queue), first, last)
                reads.zrange(keys.registry("scheduled", queue), first, last)
                reads.zrange(keys.registry("wip", queue), first, last)
        return list(dict.fromkeys(_ids(reads.execute())))


def _ids(answers: list[list[str]]) -> Iterator[str]:
    for members in answers:
        yield from (member.partition(":")[0] for member in members)


def _defect(task_type: TaskType, text: str) -> str:
    try:
        payload = stored_json.decode(text)
    except (ValueError, RecursionError):
        return ""  # spoilt by a foreign hand: its run will say so
    try:
        current_payload(task_type, payload)
    except InvalidInput as error:
        first = error.extra["errors"][0]
        return f"{first['pointer']}: {first['detail']}"
    except Exception as error:  # what upgrades is somebody else's code
        return f"{task_type.upgrade}: {type(error).__name__}: {error}"
    return ""
