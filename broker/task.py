"""A task as everyone outside the scripts sees it: a plain, frozen record, made in a twentieth of a dataclass' time."""

from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from broker.status import Status


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
    #: Where what the result names can be opened, or ``None``. It is not stored, but made for whoever is shown the task.
    links: dict[str, Any] | None = None

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
    #: Aware datetime as RFC 3339 text, or a delay in seconds from the server's now.
    scheduled_at: str | None = None
    delay_seconds: float | None = None
    max_retries: int | None = None
    timeout_seconds: int | None = None
    unique_key: str | None = None
    #: A UUID chosen by the caller makes submission idempotent: a repeat returns the task that is there.
    id: str | None = None


class Page(Struct, frozen=True):
    """One page of tasks, newest first, and how many match in all at the same moment."""

    tasks: list[Task]
    total: int
    limit: int
    offset: int


class Stats(Struct, frozen=True):
    """Counts over everything a tenant has; every status and every registered type is present, zeros included."""

    total: int
    by_status: dict[str, int]
    by_type: dict[str, int]
    average_duration_seconds: float | None
    success_rate: float


class Queue(Struct, frozen=True):
    """The live state and the limits of one task type. Rates are starts per second, ages and durations seconds."""

    type: str
    depth: int
    scheduled: int
    processing: int
    oldest_age_seconds: float | None
    rate: float | None
    burst: int
    tokens: float | None
    concurrency: int | None
    paused: bool
    workers: int
    #: Tasks ended (completed or failed for good) per second over the last minute.
    throughput: float
