"""Flows, as their tenants see them: how many of the tasks that belong together have ended, and how."""

from typing import Any

from msgspec import Struct

from broker.status import TERMINAL, Status, counted


class Flow(Struct, frozen=True):
    """How a flow stands. Times are RFC 3339 UTC text."""

    id: str
    #: ``open`` while a task of it has not ended; then ``completed`` if all have, else ``failed``.
    status: str
    total: int
    #: Every status is present, zeros included.
    by_status: dict[str, int]
    created_at: str
    ended_at: str | None = None


def flow_of(flow_id: str, created_at: str, ended_at: str | None, counts: dict[str, int]) -> Flow:
    """The flow of which so many tasks are in each status."""
    total = sum(counts.values())
    ended = total == sum(counts[status] for status in TERMINAL)
    outcome = "completed" if counts[Status.COMPLETED] == total else "failed"
    return Flow(flow_id, outcome if ended else "open", total, counts, created_at, ended_at if ended else None)


def from_answer(flow_id: str, answer: list[Any]) -> Flow:
    """What flow.lua has answered of a flow that is there."""
    created_at, ended_at, *counts = answer
    by_status = {str(status): int(count) for status, count in zip(Status, counts, strict=True)}
    return flow_of(flow_id, created_at, ended_at or None, by_status)


def from_event(fields: dict[str, str]) -> Flow:
    """The flow as it was when the outbox took its end. Raises ``KeyError``, ``ValueError`` where that is spoilt."""
    return flow_of(fields["flow"], fields["created_at"], fields["ended_at"], counted(fields))
