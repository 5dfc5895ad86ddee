"""The wait of a task before its latest run: the parts whose reason its own moments tell, and the others."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from broker.engine.values import moment, number

#: Of its hash, what tells that; bills.lua answers the same.
FIELDS = (
    *("status", "origin", "tenant", "group", "runs", "created_at", "enqueued_at", "started_at", "scheduled_at"),
    *("released_at", "depends_on", "version", "held_spans"),
)


class Part(NamedTuple):
    """From one microsecond to another. Without a reason it stood in line, and what kept its type kept it."""

    begin: int
    end: int
    reason: str | None = None


class Wait(NamedTuple):
    """Before the first run since the creation, before a later one since it was last put into its queue."""

    type: str
    tenant: str
    group: str
    parts: list[Part]

    @property
    def since(self) -> int:
        return self.parts[0].begin

    @property
    def us(self) -> int:
        return self.parts[-1].end - self.parts[0].begin


def wait_of(fields: Mapping[str, str | None]) -> Wait | None:
    """From the ``FIELDS`` of a task that is not waiting; ``None`` of one that has not started."""
    created, queued, started = (moment(fields[name]) for name in ("created_at", "enqueued_at", "started_at"))
    since = created if number(fields["runs"]) <= 1 else queued
    if since is None or started is None or started < since:
        return None
    in_line = since if queued is None else max(since, queued)
    before = _before_line(fields, since, in_line) if in_line > since else []
    parts = [*before, *_in_line(fields["held_spans"], in_line, started)]
    return Wait((fields["origin"] or "").partition(":")[0], fields["tenant"] or "", fields["group"] or "", parts)


def _before_line(fields: Mapping[str, str | None], since: int, until: int) -> list[Part]:
    """Until it was put into its queue."""
    if fields["depends_on"]:
        released = min(until, max(since, moment(fields["released_at"]) or until))
        return [Part(since, released, "depends_on"), Part(released, until, "scheduled")]
    if fields["scheduled_at"]:
        return [Part(since, until, "scheduled")]
    return [Part(since, until, "no_worker" if fields["version"] else "unknown")]


def _in_line(held: str | None, since: int, until: int) -> Iterator[Part]:
    """``held``: from when to when holds have put it aside, one after the other, as ``begin-end begin-end``."""
    for span in (held or "").split():
        begin, _, end = span.partition("-")
        first, last = max(since, number(begin)), min(until, number(end))
        if first < last:
            yield Part(since, first)
            yield Part(first, last, "held")
            since = last
    yield Part(since, until)


def exact(found: Mapping[str, int], us: int) -> dict[str, int]:
    """Microseconds by reason that sum to ``us``: what logs do not account for is not known."""
    parts = {reason: count for reason, count in found.items() if count > 0}
    missing = us - sum(parts.values())
    if missing > 0:
        parts["unknown"] = parts.get("unknown", 0) + missing
    while missing < 0:  # only where a foreign hand was at the logs
        largest = max(parts, key=lambda reason: parts[reason])
        taken = min(parts[largest], -missing)
        parts[largest] -= taken
        missing += taken
    return parts
