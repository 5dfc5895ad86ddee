"""How a task is read from the fields of its hash, `broker.task.STORED_FIELDS`."""

from collections.abc import Mapping, Sequence
from typing import Any

from broker.engine.values import number
from broker.levels import BACKGROUND, split_queue
from broker.status import RQ_STATUS, TERMINAL, WAITING, Status
from broker.task import STORED_FIELDS, Task
from broker.tasks import stored_json
from broker.trace import from_text
from broker.usage.used import used_of

_STATUS = {word: status for status, word in RQ_STATUS.items()}


def task_of(task_id: str, values: Sequence[str | None]) -> Task | None:
    """The task whose ``STORED_FIELDS`` have these values; ``None`` when they are not those of one."""
    fields: dict[str, Any] = dict(zip(STORED_FIELDS, values, strict=True))
    if not (fields["status"] and fields["origin"] and fields["tenant"]):
        return None
    type_name, level = split_queue(fields["origin"])
    status = _STATUS.get(fields["status"], Status.PENDING)
    waiting, ended = status in WAITING, status in TERMINAL
    return Task(
        id=task_id,
        tenant=fields["tenant"],
        type=type_name,
        status=status,
        priority=max(0, level),
        payload=_decoded(fields["payload"], {}),
        created_at=fields["created_at"],
        max_retries=number(fields["max_retries"]),
        timeout_seconds=number(fields["timeout"]),
        retry_count=number(fields["retry_count"]),
        scheduled_at=fields["scheduled_at"],
        started_at=None if waiting else fields["started_at"] or None,  # RQ writes '' for none
        completed_at=fields["ended_at"] if ended else None,
        error=fields["error"],
        progress=_progress(status, fields),
        result=_decoded(fields["outcome"], None) if status is Status.COMPLETED else None,
        attempts=_decoded(fields["attempts"], []),
        flow=fields["flow"] or None,  # '' where there are only others that depend on it
        depends_on=_listed(fields["depends_on"]),
        on_failure=fields["on_failure"],
        waiting_for=_listed(fields["waiting_for"]) if waiting else [],
        group=fields["group"] or None,
        tags=_decoded(fields["tags"], []),
        trace=shown(fields["trace"] or ""),
        usage=used_of(fields["usage"]),
        deadline=fields["deadline"],
        part_of=fields["part_of"],
        background=level == BACKGROUND,
    )


def from_snapshot(task_id: str, fields: Mapping[str, str]) -> Task | None:
    """The task as it was when these fields of its hash were noted, as ``task_of`` makes it."""
    return task_of(task_id, [fields.get(name) for name in STORED_FIELDS])


def _decoded(text: str | None, default: Any) -> Any:
    """What a field holds; the default for one that a foreign hand has spoilt, so that pages with it can be read.

    The doctor tells of those.
    """
    try:
        return stored_json.decode(text) if text else default
    except ValueError:
        return default


def shown(trace: str) -> dict[str, str | None] | None:
    """What is kept of the request that submitted a task, by the names of its headers."""
    found = from_text(trace)
    if not trace:
        return None
    names = ("request_id", "traceparent", "tracestate")
    return {name: value or None for name, value in zip(names, found[:3], strict=True)}


def _listed(text: str | None) -> list[str]:
    return text.split(",") if text else []


def _progress(status: Status, fields: dict[str, Any]) -> dict[str, Any] | None:
    """What the run told last; what an earlier run told (its heartbeat lies before this start) is said to be that.

    Nothing for a task that has never told anything, or has ended otherwise than well.
    """
    if status is Status.COMPLETED:
        return {"percent": 100.0, "stage": "done"}
    told = _decoded(fields["progress"], None)
    if not isinstance(told, dict) or told.keys() != {"percent", "stage"} or status in TERMINAL:
        return None
    if status is Status.PROCESSING and (fields["last_heartbeat"] or "") >= (fields["started_at"] or ""):
        return told
    begins = "started again" if status is Status.PROCESSING else "to start again"
    return {"percent": 0.0, "stage": f"{begins}; the run before reached {told['percent']:g} %"}
