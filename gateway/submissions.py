"""Tasks on their way in: what a request asks for, found valid once, and the answer that shows the task."""

from typing import Any
from uuid import UUID

from flask import Response
from msgspec.structs import replace

from broker.clock import to_rfc3339
from broker.errors import InvalidInput
from broker.task import NewTask, Task
from broker.tasks.submission import Submission
from gateway.answers import created
from gateway.current import broker, tenant
from gateway.fast.schemas import shallow_dump
from gateway.schemas.tasks import TaskDetail
from gateway.task_links import with_links

#: Where tasks are read.
PATH = "/api/tasks"
_TIMES = {"scheduled_at", "deadline"}
_detail = TaskDetail()
_shallow = shallow_dump(_detail)


def new_task(body: dict[str, Any]) -> NewTask:
    """What a valid body asks for."""
    times = body.keys() & _TIMES
    if not times:
        return NewTask(**body)
    return NewTask(**body | {name: to_rfc3339(max(0, body[name])) for name in times})


def check(new: NewTask) -> Submission:
    """A task, found valid. Raises ``InvalidInput``, also when its payload names another tenant than the caller."""
    if "tenant_id" in new.payload and not tenant().is_named(new.payload["tenant_id"]):
        detail = "Must be your own tenant, by name or by UUID (GET /api/me tells both), or left out."
        raise InvalidInput(errors=[{"pointer": "/payload/tenant_id", "detail": detail}])
    return broker().tasks.check(new)


def submit(checked: Submission, seed: UUID | None) -> Response:
    """Submit a task, under the id ``seed`` if there is one, and show it."""
    if seed is not None:
        checked = replace(checked, id=str(seed))
    task, created_now = broker().tasks.submit(tenant().name, checked)
    # A repeat that finds its own task says what the first answer said.
    status = 201 if created_now or task.id == checked.id else 200
    return created(f"{PATH}/{task.id}", show(task, created_now), status)


def show(task: Task, created_now: bool) -> dict[str, Any]:
    """A task as its schema dumps it. One that was created now is made of JSON values alone, as it was sent."""
    return _shallow(task) if created_now else _detail.dump(with_links(task))
