"""The six states of a task, what is true of each, and RQ's words for the same things."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class Status(StrEnum):
    """In the order of their ranks in an index, which stored scores contain: a new one goes to the end.

    What is true of each stands in ``_FACTS``; the scripts are given the same (`broker.engine.shared_tables`). Which
    moves a script may make is in its header; docs/architecture.md has them all in a table, under "States".
    """

    #: Queued, waiting for a token and a worker.
    PENDING = "pending"
    #: Has a future due time (asked for, a back-off, or a wait), or waits for the tasks that it depends on.
    SCHEDULED = "scheduled"
    #: Leased to a live worker.
    PROCESSING = "processing"
    #: Ended well.
    COMPLETED = "completed"
    #: Ended badly; its owner may retry it.
    FAILED = "failed"
    #: Stopped by its owner, by its deadline, by the end of what it depends on, or helped a task in vain.
    CANCELLED = "cancelled"


class _Facts(NamedTuple):
    #: What RQ calls it in the ``status`` field of its job hash.
    rq: str
    #: RQ's registry of the tasks in it, a sorted set per queue; ``None`` for those that stand in a list.
    registry: str | None
    #: Not started yet: they count for ``MAX_PENDING``, and their owner may cancel them.
    waits: bool = False
    #: Nothing follows, unless somebody retries it.
    ends: bool = False


_FACTS = {
    Status.PENDING: _Facts("queued", None, waits=True),
    Status.SCHEDULED: _Facts("scheduled", "scheduled", waits=True),
    Status.PROCESSING: _Facts("started", "wip"),
    Status.COMPLETED: _Facts("finished", "finished", ends=True),
    Status.FAILED: _Facts("failed", "failed", ends=True),
    Status.CANCELLED: _Facts("canceled", "canceled", ends=True),
}
WAITING = frozenset(status for status, facts in _FACTS.items() if facts.waits)
TERMINAL = frozenset(status for status, facts in _FACTS.items() if facts.ends)
#: The same in the order of their ranks.
ENDS = tuple(status for status in Status if status in TERMINAL)
RQ_STATUS = {status: facts.rq for status, facts in _FACTS.items()}
REGISTRY = {status: facts.registry for status, facts in _FACTS.items() if facts.registry}

_SPAN, _EPOCH_US = 1 << 50, 1_577_836_800_000_000
_RANK = {status: rank for rank, status in enumerate(Status)}


def score_range(status: Status, first_us: int | None = None, last_us: int | None = None) -> tuple[int, int]:
    """The scores in an index of a type that belong to a status and to bounds on the creation time; see index.lua."""
    low, high = (max(0, min(_SPAN - 1, us - _EPOCH_US)) for us in (first_us or _EPOCH_US, last_us or _EPOCH_US + _SPAN))
    return _RANK[status] * _SPAN + low, _RANK[status] * _SPAN + high


def counted(fields: Mapping[str, str]) -> dict[str, int]:
    """Tasks per status as a stored event tells them, zeros included: one of an earlier release may know fewer."""
    return {str(status): int(fields.get(status, 0)) for status in Status}
