"""``/api/tasks``: submit, list, count, show, cancel and retry."""

from functools import partial
from typing import Any
from uuid import UUID

from flask import Response
from msgspec.structs import replace

from broker.status import Status
from broker.task import Page, Stats, Task
from gateway.blueprint import Blueprint
from gateway.current import broker, services, tenant
from gateway.fast.current_request import this_request
from gateway.idempotency import IdempotencyHeader, idempotent
from gateway.live.handover import on_hang_up
from gateway.media_links import with_links
from gateway.schemas.paging import NoBody
from gateway.schemas.tasks import Changed, CreateTask, ForceQuery, TaskDetail, TaskPage, TaskQuery, TaskStats, WaitQuery
from gateway.submissions import PATH, check, new_task, submit

blueprint = Blueprint("tasks", __name__, url_prefix=PATH, description="Submit, watch, cancel and retry tasks.")


@blueprint.get("")
@blueprint.arguments(TaskQuery, location="query")
@blueprint.response(200, TaskPage)
def list_tasks(query: dict[str, Any]) -> Page:
    """List tasks, newest first

    Pages are exact for the moment of the call.
    """
    bounds = {"start_us": query.pop("start_date", None), "end_us": query.pop("end_date", None)}
    page = broker().tasks.page(tenant().name, **query, **bounds)
    return replace(page, tasks=list(map(with_links, page.tasks)))


@blueprint.post("")
@blueprint.arguments(CreateTask)
@blueprint.arguments(IdempotencyHeader, location="headers")
@blueprint.creates(TaskDetail)
@blueprint.alt_response(200, schema=TaskDetail, description="An unfinished task has this unique_key.", success=True)
@blueprint.problems(409, 429)
def create_task(body: dict[str, Any], headers: dict[str, Any]) -> Response:
    """Submit a task

    The payload's form is checked now; whether the media it names exists is checked when the task runs.
    """
    checked = check(new_task(body))  # before the key is bound to a request that cannot succeed
    return idempotent(headers, lambda: body, partial(submit, checked))


@blueprint.get("/stats")
@blueprint.response(200, TaskStats)
def get_task_stats() -> Stats:
    """Count tasks"""
    return broker().tasks.stats(tenant().name)


@blueprint.get("/<uuid:task_id>")
@blueprint.arguments(WaitQuery, location="query")
@blueprint.response(200, TaskDetail)
@blueprint.problems(404, 503)
def get_task(query: dict[str, Any], task_id: UUID) -> Task:
    """Show a task

    With `wait`: as soon as its status is another than now, else after so many seconds; at once when it has ended.
    """
    if "wait" not in query:
        return with_links(broker().tasks.get(tenant().name, str(task_id)))
    leave = partial(on_hang_up, this_request().environ)
    with services().waiters.enter(tenant().name, query["wait"]):
        return with_links(broker().tasks.wait(tenant().name, str(task_id), query["wait"], leave))


@blueprint.post("/<uuid:task_id>/cancel")
@blueprint.arguments(ForceQuery, location="query")
@blueprint.arguments(NoBody, required=False)
@blueprint.response(200, Changed)
@blueprint.problems(404, 409)
def cancel_task(query: dict[str, Any], _body: dict[str, Any], task_id: UUID) -> dict[str, Any]:
    """Cancel a task

    Only pending and scheduled tasks can be cancelled, unless forced. Cancelling a cancelled task again is no error.
    """
    task = broker().tasks.cancel(tenant().name, str(task_id), force=query["force"])
    return {"id": task.id, "status": Status.CANCELLED, "message": "Task cancelled successfully"}


@blueprint.post("/<uuid:task_id>/retry")
@blueprint.arguments(ForceQuery, location="query")
@blueprint.arguments(NoBody, required=False)
@blueprint.response(200, Changed)
@blueprint.problems(404, 409)
def retry_task(query: dict[str, Any], _body: dict[str, Any], task_id: UUID) -> dict[str, Any]:
    """Retry a failed task

    Only failed tasks can be retried, and only while retry_count is below max_retries, unless forced.
    """
    task = broker().tasks.retry(tenant().name, str(task_id), force=query["force"])
    return {"id": task.id, "status": Status.SCHEDULED, "message": "Task scheduled for retry"}
