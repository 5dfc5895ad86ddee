"""Every read of tasks: one, a page, statistics. Reads write nothing and answer the truth of the moment."""

from collections.abc import Mapping, Sequence
from typing import Any

from redis import Redis

from broker.engine.keys import Keys
from broker.engine.scripts import Script
from broker.engine.values import number
from broker.errors import NotFound
from broker.status import RQ_STATUS, TERMINAL, WAITING, Status, score_range
from broker.task import Page, Stats, Task
from broker.tasks import stored_json

#: What may still run.
_STATUS = {word: status for status, word in RQ_STATUS.items()}
#: What a task is read from; `include/events.lua` notes the same.
FIELDS = (
    *("status", "origin", "tenant", "payload", "created_at", "max_retries", "timeout", "retry_count", "scheduled_at"),
    *("started_at", "ended_at", "last_heartbeat", "error", "progress", "outcome", "attempts"),
)


class Queries:
    """Reads on one Redis client with ``decode_responses=True``."""

    def __init__(self, redis: "Redis", keys: Keys) -> None:
        self._redis = redis
        self._keys = keys
        self._page = Script("page")

    def get(self, tenant: str, task_id: str) -> Task:
        """One task. Raises ``NotFound`` when the tenant has none of this id."""
        values: Any = self._redis.hmget(self._keys.job(task_id), FIELDS)
        task = _task(task_id, values)
        if task is None or task.tenant != tenant:
            raise NotFound("There is no task with this id.")
        return task

    def get_at(self, tenant: str, task_id: str) -> tuple[Task, str]:
        """One task, and the id of the tenant's last event, which it shows already. Raises ``NotFound``."""
        with self._redis.pipeline(transaction=True) as reads:
            reads.xrevrange(self._keys.events(tenant), count=1)
            reads.hmget(self._keys.job(task_id), FIELDS)
            last, values = reads.execute()
        task = _task(task_id, values)
        if task is None or task.tenant != tenant:
            raise NotFound("There is no task with this id.")
        return task, last[0][0] if last else "0-0"

    def get_many(self, tenant: str, task_ids: Sequence[str]) -> dict[str, Task]:
        """Those of these tasks that the tenant has, by id."""
        with self._redis.pipeline(transaction=False) as reads:
            for task_id in task_ids:
                reads.hmget(self._keys.job(task_id), FIELDS)
            rows = zip(task_ids, reads.execute(), strict=True)
        tasks = [task for task_id, values in rows if (task := _task(task_id, values))]
        return {task.id: task for task in tasks if task.tenant == tenant}

    def page(
        self,
        tenant: str,
        *,
        status: Status | None = None,
        type: str | None = None,
        start_us: int | None = None,
        end_us: int | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> Page:
        """Tasks newest first; bounds on the creation time are inclusive."""
        total, *rows = self._page(
            self._redis,
            prefix=self._keys.prefix,
            tenant=tenant,
            status=status or "",
            type_name=type or "",
            first="-inf" if start_us is None else start_us,
            last="+inf" if end_us is None else end_us,
            offset=offset,
            limit=limit,
            fields=FIELDS,
        )
        tasks = [task for task_id, values in rows if (task := _task(task_id, values))]
        return Page(tasks, total, limit, offset)

    def stats(self, tenant: str, types: Sequence[str]) -> Stats:
        """Counts over all of the tenant's tasks, of one moment."""
        with self._redis.pipeline(transaction=True) as reads:
            for type_name in types:
                for status in Status:
                    reads.zcount(self._keys.index(tenant, type_name), *score_range(status))
            reads.hgetall(self._keys.durations(tenant))
            *counts, durations = reads.execute()
        by_type = {name: sum(counts[i * len(Status) : (i + 1) * len(Status)]) for i, name in enumerate(types)}
        by_status = {str(status): sum(counts[i :: len(Status)]) for i, status in enumerate(Status)}
        total, completed = sum(counts), by_status[Status.COMPLETED]
        spent_us = sum(int(durations.get(name, 0)) for name in types)
        return Stats(
            total=total,
            by_status=by_status,
            by_type=by_type,
            average_duration_seconds=spent_us / completed / 1e6 if completed else None,
            success_rate=completed / total if total else 0.0,
        )


def from_snapshot(task_id: str, fields: Mapping[str, str]) -> Task | None:
    """The task as it was when these fields of its hash were noted; ``None`` when they are not those of one."""
    return _task(task_id, [fields.get(name) for name in FIELDS])


def _task(task_id: str, values: Sequence[str | None]) -> Task | None:
    fields: dict[str, Any] = dict(zip(FIELDS, values, strict=True))
    if not (fields["status"] and fields["origin"] and fields["tenant"]):
        return None
    type_name, _, priority = fields["origin"].partition(":")
    status = _STATUS.get(fields["status"], Status.PENDING)
    waiting, ended = status in WAITING, status in TERMINAL
    return Task(
        id=task_id,
        tenant=fields["tenant"],
        type=type_name,
        status=status,
        priority=number(priority),
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
    )


def _decoded(text: str | None, default: Any) -> Any:
    """What a field holds; the default for one that a foreign hand has spoilt, so that pages with it can be read.

    The doctor tells of those.
    """
    try:
        return stored_json.decode(text) if text else default
    except ValueError:
        return default


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
