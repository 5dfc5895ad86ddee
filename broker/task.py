"""A task as everyone outside the scripts sees it: a plain, frozen record, made in a twentieth of a dataclass' time."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from broker.status import Status

#: The fields of its hash that a task is read from, in `broker.tasks.task_fields`.
STORED_FIELDS = (
    *("status", "origin", "tenant", "payload", "created_at", "max_retries", "timeout", "retry_count", "scheduled_at"),
    *("started_at", "ended_at", "last_heartbeat", "error", "progress", "outcome", "attempts"),
    *("flow", "depends_on", "on_failure", "waiting_for", "group", "tags", "trace", "usage", "deadline", "part_of"),
)


class Task(Struct, frozen=True):
    """One task. Times are RFC 3339 UTC text with microseconds and ``Z``; durations are whole seconds."""

    id: str
    tenant: str
    type: str
    status: Status
    priority: int
    payload: dict[str, Any]
    created_at: str
    max_retries: int
    timeout_seconds: int
    retry_count: int = 0
    scheduled_at: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    error: str | None = None
    #: ``{"percent": 0..100, "stage": text}`` while there is something to tell.
    progress: dict[str, Any] | None = None
    result: Any = None
    #: Ended runs, oldest first, at most the last ten: ``{started_at, ended_at, outcome, error, worker}``.
    attempts: list[dict[str, Any]] = []
    group: str | None = None
    tags: list[str] = []
    #: What its runs have used together, as far as it was measured; see `broker.usage.used`.
    usage: dict[str, Any] | None = None
    #: Where what the result names can be opened, or ``None``. It is not stored, but made for whoever is shown the task.
    links: dict[str, Any] | None = None
    #: Why it waits, made likewise; see `broker.forecast.waiting`.
    waiting: dict[str, Any] | None = None
    #: For what it has waited, made likewise; see `broker.bill.bills`.
    waited: dict[str, Any] | None = None
    #: The flow that it belongs to, an id of its tenant's choice.
    flow: str | None = None
    #: Ids of the tasks that had to end before it, what becomes of it (``cancel``, ``run``) when one of them does not
    #: complete, and those of them for which it waits.
    depends_on: list[str] = []
    on_failure: str | None = None
    waiting_for: list[str] = []
    #: ``{"request_id", "traceparent", "tracestate"}`` of the request that submitted it, if that had any of them.
    trace: dict[str, str | None] | None = None
    #: It is cancelled then if no run of it has begun.
    deadline: str | None = None
    #: It waits until nothing else does, below priority 0.
    background: bool = False
    #: The task of whose work it makes parts. It was not submitted by anybody, but by a run of that.
    part_of: str | None = None

    def detail(self) -> dict[str, Any]:
        """The task in JSON values, as ``GET /api/tasks/{id}`` shows it and webhooks carry it."""
        shown = asdict(self) | {"status": str(self.status)}
        del shown["tenant"]
        if self.progress:
            shown["progress"] = {"percent": float(self.progress["percent"]), "stage": self.progress["stage"]}
        return shown


class NewTask(Struct, frozen=True):
    """What a caller asks for. ``None`` takes the task type's default; at most one of the two times is set."""

    type: str
    payload: dict[str, Any]
    priority: int | None = None
    #: Below every priority: it starts when nothing else could. Not together with a priority.
    background: bool = False
    #: Aware datetime as RFC 3339 text, or a delay in seconds from the server's now.
    scheduled_at: str | None = None
    delay_seconds: float | None = None
    max_retries: int | None = None
    timeout_seconds: int | None = None
    unique_key: str | None = None
    #: The caller's own end user, say: groups of a tenant share what it gets alike, and may be capped.
    group: str | None = None
    #: Words of the caller's, to find and to hold tasks by.
    tags: list[str] = []
    #: Up to 100 ids of tasks of the tenant that have to end before, of a batch also of earlier ones of it.
    depends_on: Sequence[str] = ()
    #: What becomes of it when one of them does not complete: ``cancel`` or ``run``.
    on_failure: str = "cancel"
    #: A flow to belong to: 1 to 64 letters, digits, ``-`` and ``_``.
    flow: str | None = None
    #: Aware datetime as RFC 3339 text: cancelled then if no run of it has begun, refused if none can begin before.
    deadline: str | None = None
    #: A UUID chosen by the caller makes submission idempotent: a repeat returns the task that is there.
    id: str | None = None


class TaskChange(Struct, frozen=True):
    """What is to be different of a task that waits; ``None`` leaves it. At most one of the two times is set."""

    priority: int | None = None
    #: Into the background, or out of it to priority 0. A priority takes it out, too.
    background: bool | None = None
    #: Microseconds since the epoch, or from the server's now; what has come is at once.
    due_us: int | None = None
    delay_us: int | None = None
    tags: list[str] | None = None


class Page(Struct, frozen=True):
    """One page of tasks, newest first, and how many match in all at the same moment."""

    tasks: list[Task]
    total: int
    limit: int
    offset: int


class Found(Struct, frozen=True):
    """Tasks from a place in a list on, and the places (`broker.tasks.places`) where it goes on in both directions."""

    tasks: list[Task]
    next: Any
    previous: Any
    #: Whether looking for more was ended before there were as many as asked for, or no more.
    incomplete: bool


class Stats(Struct, frozen=True):
    """Counts over everything a tenant has; every status and every registered type is present, zeros included."""

    total: int
    by_status: dict[str, int]
    by_type: dict[str, int]
    average_duration_seconds: float | None
    #: Of the completed ones among all but those that were cancelled in helping others (``part_of``).
    success_rate: float
