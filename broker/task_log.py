"""A task's life in the log: one line for each transition, with what it is found by as fields.

``completed task=<id> type=Noop tenant=acme attempt=1 worker=<name> duration=0.0123``, or members of the JSON object.
"""

import logging
import time
from collections.abc import Iterable, Sequence
from typing import Any

from broker.log import Row, tell_events, tell_rows

#: Ids that one line names at most.
_MOST = 20

_log = logging.getLogger("task")


def tell(what: str, *, task: str, type: str, tenant: str, **more: Any) -> None:
    """What went as it should. ``more``: ``attempt``, ``worker``, ``duration`` in seconds, and what belongs to it."""
    if _log.isEnabledFor(logging.INFO):
        tell_events(_log, logging.INFO, [(time.time(), what, {"task": task, "type": type, "tenant": tenant, **more})])


def tell_past(what: str, more: tuple[str, ...], rows: Sequence[Row]) -> None:
    """As ``tell``, of what was held back for a while: rows of the task, its type, its tenant, and ``more`` fields."""
    if _log.isEnabledFor(logging.INFO):
        tell_rows(_log, logging.INFO, what, ("task", "type", "tenant", *more), rows)


def warn(what: str, *, task: str, type: str, tenant: str, **more: Any) -> None:
    """What did not."""
    tell_events(_log, logging.WARNING, [(time.time(), what, {"task": task, "type": type, "tenant": tenant, **more})])


def warn_of_many(what: str, *, type: str, tasks: "Some") -> None:
    """What happened to many tasks at once, in a line of bounded length."""
    more = {"more": tasks.count - len(tasks.first)} if tasks.count > len(tasks.first) else {}
    fields = {"type": type, "tasks": tasks.count, "ids": ",".join(tasks.first), **more}
    tell_events(_log, logging.WARNING, [(time.time(), what, fields)])


class Some:
    """The first of many ids, and how many there are."""

    def __init__(self) -> None:
        self.first: list[str] = []
        self.count = 0

    def add(self, ids: Iterable[str]) -> None:
        for task_id in ids:
            self.count += 1
            if len(self.first) < _MOST:
                self.first.append(task_id)
