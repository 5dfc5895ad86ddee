"""The six states of a task, who moves it between them, and RQ's words for the same things."""

from enum import StrEnum
from typing import NamedTuple


class Status(StrEnum):
    """In the order of their ranks in an index, which stored scores contain: a new one goes to the end.

    What is true of each stands in ``_FACTS``; the scripts are given the same (`broker.engine.shared_tables`).
    """

    #: Queued, waiting for a token and a worker. Moved in by submit, promote, release and reap; out by claim and cancel.
    PENDING = "pending"
    #: Has a future due time: asked for, a back-off, or a wait. Moved in by submit, fail, postpone and retry; out by
    #: promote and cancel.
    SCHEDULED = "scheduled"
    #: Leased to a live worker. Moved in by claim; out by finish, fail, postpone, release, cancel (forced) and reap.
    PROCESSING = "processing"
    #: Ended well. Moved in by finish; removed by prune and delete_task.
    COMPLETED = "completed"
    #: Ended badly. Moved in by fail, release and reap; out by retry; removed by prune and delete_task.
    FAILED = "failed"
    #: Stopped by its owner, or helped a task in vain. Moved in by cancel, and then by settle, fail, release and reap;
    #: removed by prune and delete_task.
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


#: Script name -> the moves it may make. ``None`` as a source is creation, as a target removal. `reconcile` and
#: `remove_gone` move a task to where a foreign hand has put it, from wherever we had it.
TRANSITIONS: dict[str, frozenset[tuple[Status | None, Status | None]]] = {
    "submit": frozenset({(None, Status.PENDING), (None, Status.SCHEDULED)}),
    "submit_many": frozenset({(None, Status.PENDING), (None, Status.SCHEDULED)}),
    "submit_linked": frozenset({(None, Status.PENDING), (None, Status.SCHEDULED), (None, Status.CANCELLED)}),
    "share_work": frozenset({(None, Status.PENDING)}),
    "settle": frozenset(
        {
            (Status.SCHEDULED, Status.PENDING),
            (Status.SCHEDULED, Status.CANCELLED),
            (Status.PENDING, Status.CANCELLED),
            (Status.PROCESSING, Status.CANCELLED),
        }
    ),
    "claim": frozenset(
        {
            (Status.PENDING, Status.PROCESSING),
            (Status.PENDING, Status.SCHEDULED),
            (Status.PENDING, Status.CANCELLED),
            (Status.SCHEDULED, Status.PENDING),
        }
    ),
    "claim_more": frozenset(
        {
            (Status.PENDING, Status.PROCESSING),
            (Status.PENDING, Status.SCHEDULED),
            (Status.PENDING, Status.CANCELLED),
            (Status.SCHEDULED, Status.PENDING),
        }
    ),
    "finish": frozenset({(Status.PROCESSING, Status.COMPLETED)}),
    "fail": frozenset(
        {
            (Status.PROCESSING, Status.SCHEDULED),
            (Status.PROCESSING, Status.FAILED),
            (Status.PROCESSING, Status.CANCELLED),
        }
    ),
    "postpone": frozenset({(Status.PROCESSING, Status.SCHEDULED), (Status.PROCESSING, Status.PENDING)}),
    "release": frozenset(
        {
            (Status.PROCESSING, Status.PENDING),
            (Status.PROCESSING, Status.FAILED),
            (Status.PROCESSING, Status.CANCELLED),
        }
    ),
    "reap": frozenset(
        {
            (Status.PROCESSING, Status.PENDING),
            (Status.PROCESSING, Status.FAILED),
            (Status.PROCESSING, Status.CANCELLED),
        }
    ),
    "cancel": frozenset(
        {
            (Status.PENDING, Status.CANCELLED),
            (Status.SCHEDULED, Status.CANCELLED),
            (Status.PROCESSING, Status.CANCELLED),
        }
    ),
    "enforce_deadlines": frozenset({(Status.PENDING, Status.CANCELLED), (Status.SCHEDULED, Status.CANCELLED)}),
    "retry": frozenset({(Status.FAILED, Status.SCHEDULED)}),
    "change_task": frozenset({(Status.PENDING, Status.SCHEDULED), (Status.SCHEDULED, Status.PENDING)}),
    "step_operation": frozenset(
        {
            (Status.PENDING, Status.CANCELLED),
            (Status.SCHEDULED, Status.CANCELLED),
            (Status.PROCESSING, Status.CANCELLED),
            (Status.FAILED, Status.SCHEDULED),
            (Status.COMPLETED, None),
            (Status.FAILED, None),
            (Status.CANCELLED, None),
        }
    ),
    "step_reprocessing": frozenset({(None, Status.PENDING)}),
    "promote": frozenset({(Status.SCHEDULED, Status.PENDING)}),
    "reconcile": frozenset(
        (source, target)
        for source in Status
        for target in (Status.PENDING, Status.SCHEDULED, Status.CANCELLED, None)
        if source is not target
    ),
    "remove_gone": frozenset((source, None) for source in Status),
    "prune": frozenset({(Status.COMPLETED, None), (Status.FAILED, None), (Status.CANCELLED, None)}),
    "delete_task": frozenset({(Status.COMPLETED, None), (Status.FAILED, None), (Status.CANCELLED, None)}),
}
