"""Where tasks stand that wait: their place in line, when they are due, and what they are about."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from redis import Redis

from broker.engine.keys import Keys
from broker.engine.values import moment
from broker.forecast.replica import Place
from broker.levels import split_queue
from broker.status import RQ_STATUS, Status

_FIELDS = ("status", "origin", "tenant", "group", "payload", "scheduled_at", "held", "lifted")


class Standing(NamedTuple):
    """One task that waits."""

    place: Place
    tenant: str
    payload: dict[str, Any]
    #: Microsecond at which it is due, of a scheduled one, whose place is behind all that wait.
    due_us: int | None = None
    #: Put aside by a hold: its place says nothing.
    held: bool = False


def standings(redis: "Redis", keys: Keys, task_ids: Sequence[str]) -> list[Standing | None]:
    """Of each task, ``None`` where it does not wait. ``redis`` answers text; its errors pass through."""
    with redis.pipeline(transaction=False) as reads:
        for task_id in task_ids:
            reads.hmget(keys.job(task_id), _FIELDS)
        rows = reads.execute()
    with redis.pipeline(transaction=False) as reads:
        for task_id, row in zip(task_ids, rows, strict=True):
            line = keys.waiting(*_line(row))
            reads.zrank(line, task_id)
            reads.zcard(line)
        ranks = iter(reads.execute())
        return [_standing(row, rank, count) for row, rank, count in zip(rows, ranks, ranks, strict=True)]


def _line(row: Sequence[Any]) -> tuple[str, int, str, str]:
    """Type, level, tenant and group: where it stands, or will."""
    _, queue, tenant, group, _, _, _, lifted = row
    name, level = split_queue(lifted or queue or "")
    return name, level, tenant or "", group or ""


def _standing(row: Sequence[Any], rank: int | None, count: int) -> Standing | None:
    status, _, tenant, _, payload, scheduled_at, held, _ = row
    if status not in (RQ_STATUS[Status.PENDING], RQ_STATUS[Status.SCHEDULED]):
        return None
    name, level, owner, group = _line(row)
    place = Place(name, level, (count if rank is None else rank) + 1, owner, group)
    due_us = moment(scheduled_at) if status == RQ_STATUS[Status.SCHEDULED] else None
    return Standing(place, tenant or "", _read(payload), due_us, bool(held))


def _read(payload: str | None) -> dict[str, Any]:
    try:
        read = json.loads(payload or "{}")
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}
