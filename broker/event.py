"""What happened to a tenant's tasks and queues, as live listeners are told."""

import json
import re
from dataclasses import dataclass
from typing import Any

from broker.status import TERMINAL, counted

#: The id of an entry in a Redis stream, ``<milliseconds>-<number>``: the place of an event among all of its tenant.
_POSITION = re.compile(r"(\d{1,15})-(\d{1,15})", re.ASCII)
_KINDS = frozenset({"status", "progress", "attempt", "queue", "flow", "gone", "failure", "playable"})


def position(text: str) -> tuple[int, int]:
    """An event's id in a form that can be compared. Raises ``ValueError`` for what no event has as its id."""
    found = _POSITION.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no id of an event")
    return int(found[1]), int(found[2])


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """One event; the same object goes to all its listeners.

    ``kind`` is ``status``, ``progress``, ``attempt`` (a run ended, its task did not), ``queue`` (its limits changed),
    ``flow`` (all its tasks have ended), ``playable`` (a video can be played while it is made), ``gone`` (the task was
    deleted by a foreign hand) or ``failure`` (a group of failures is ``new``, or has ``regressed``); made here and not
    recorded are ``reset`` (events are missing) and ``stopped`` (this process listens no more), both with an empty
    ``id``.
    """

    kind: str
    id: str = ""
    #: Empty for what is not about one task.
    task_id: str = ""
    #: What is told, as JSON values; never a payload or a result.
    fields: dict[str, Any] | None = None

    #: Its ``position``.
    place: tuple[int, int] | None = None

    @property
    def is_last(self) -> bool:
        """Whether nothing more is to be expected of the task."""
        return self.kind == "gone" or bool((self.fields or {}).get("ended"))


def from_entry(entry_id: str, entry: dict[str, str]) -> Event | None:
    """The event that an entry of a tenant's stream tells, or ``None`` for one that tells none."""
    fields: dict[str, Any] = dict(entry)
    kind = fields.pop("kind", "")
    if kind not in _KINDS:
        return None
    task_id = fields.pop("task", "")
    if kind == "status":
        fields["ended"] = fields.get("status") in TERMINAL
    if "retry_count" in fields:
        fields["retry_count"] = int(fields["retry_count"])
    if kind == "progress":
        fields |= json.loads(fields.pop("progress"))
    if kind == "queue":
        fields |= _limits(fields)
    if kind == "flow":
        by_status = counted(fields)
        rest = {name: value for name, value in fields.items() if name not in by_status}
        fields = {**rest, "total": sum(by_status.values()), "by_status": by_status}
    named = {"task_id": task_id} if task_id else {}
    return Event(kind, entry_id, task_id, named | fields, position(entry_id))


def _limits(fields: dict[str, str]) -> dict[str, Any]:
    """Limits in the units of the API: starts per second instead of per 1,000 seconds, nothing as ``None``."""
    return {
        "rate": int(fields["rate"]) / 1000 if fields["rate"] else None,
        "burst": int(fields["burst"]),
        "concurrency": int(fields["concurrency"]) if fields["concurrency"] else None,
        "paused": fields["paused"] == "1",
    }
