"""``/api/tasks``: submit, list, count, show, cancel, retry and delete."""

from functools import partial
from typing import Any
from uuid import UUID

from flask import Response
from msgspec.structs import replace

from broker.access.scopes import Scope
from broker.errors import InvalidInput
from broker.status import Status
from broker.task import Page, Stats, Task, TaskChange
from broker.tasks.places import Order, Place, behind
from broker.tasks.task_filters import Wanted
from gateway.blueprint import Blueprint
from gateway.current import actor, broker, caller, services, tenant
from gateway.fast.current_request import this_request
from gateway.idempotency import IdempotencyHeader, idempotent
from gateway.live.handover import on_hang_up
from gateway.paging import link_header
from gateway.schemas.paging import NoBody
from gateway.schemas.task_filters import wanted_of
from gateway.schemas.tasks import (
    Changed,
    ChangeTask,
    CreateTask,
    ForceQuery,
    TaskDetail,
    TaskPage,
    TaskQuery,
    TaskStats,
    WaitQuery,
)
from gateway.submissions import PATH, check, new_task, submit
from gateway.waiting import all_shown, shown

blueprint = Blueprint("tasks", __name__, url_prefix=PATH, description="Submit, watch, cancel, retry and delete tasks.")


@blueprint.get("")
@blueprint.needs(Scope.READ)
@blueprint.arguments(TaskQuery, location="query")
@blueprint.response(200, TaskPage)
def list_tasks(query: dict[str, Any]) -> tuple[Any, int, dict[str, str]]:
    """List tasks, newest first

    Pages are exact for the moment of the call. By `offset` they move while tasks are added; by `cursor` they do not.
    The `Link` header names the first, the next and the previous page. Filters by `tag`, `group`, `media_id`, `error`,
    `unique_key`, `failure_id` and `ids`, and another `order`, go on by cursor alone.
    """
    if {"flow", "type"} <= query.keys():
        raise InvalidInput(errors=[{"pointer": "flow", "detail": "Give flow or type, not both."}])
    pages: dict[str, Any] = {name: query.pop(name) for name in ("limit", "offset", "cursor", "order") if name in query}
    wanted = wanted_of(query)
    if not (wanted.looks or pages.keys() & {"cursor", "order"}):
        return _by_offset(wanted, pages["limit"], pages["offset"])
    if pages["offset"]:
        raise InvalidInput(
            errors=[{"pointer": "offset", "detail": "What is asked for goes on by cursor; leave it out."}]
        )
    return _by_cursor(wanted, pages)


def _by_offset(wanted: Wanted, limit: int, offset: int) -> tuple[Page, int, dict[str, str]]:
    page = broker().tasks.page(tenant().name, wanted, limit=limit, offset=offset)
    more = offset + limit < page.total
    if "offset" in this_request().args:
        following: dict[str, Any] = {"offset": offset + limit}
        before = {"offset": max(0, offset - limit)} if offset else None
        links = link_header(first={"offset": 0}, next=following if more else None, prev=before)
    else:
        following = {"cursor": behind(page.tasks[-1]).cursor()} if page.tasks else {}
        links = link_header(first={}, next=following if more and following else None)
    return replace(page, tasks=all_shown(page.tasks)), 200, links


def _by_cursor(wanted: Wanted, pages: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    place = pages.get("cursor") or Place(pages.get("order", Order.NEWEST))
    if place.order != pages.get("order", place.order):
        raise InvalidInput(errors=[{"pointer": "cursor", "detail": f"It is one of order={place.order}."}])
    tasks = broker().tasks
    found = tasks.find(tenant().name, wanted, place, pages["limit"])
    following, before = (each and {"cursor": each.cursor()} for each in (found.next, found.previous))
    page = {
        "tasks": all_shown(found.tasks),
        "total": None if place.order.by_end else tasks.count(tenant().name, wanted),
        "limit": pages["limit"],
        "offset": 0,
        "next_cursor": following and following["cursor"],
        "incomplete": found.incomplete,
    }
    return page, 200, link_header(first={"cursor": None}, next=following, prev=before)


@blueprint.post("")
@blueprint.needs(Scope.WRITE)
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
@blueprint.needs(Scope.READ)
@blueprint.response(200, TaskStats)
def get_task_stats() -> Stats:
    """Count tasks"""
    return broker().tasks.stats(tenant().name)


@blueprint.get("/<uuid:task_id>")
@blueprint.needs(Scope.READ)
@blueprint.arguments(WaitQuery, location="query")
@blueprint.response(200, TaskDetail)
@blueprint.problems(404, 503)
def get_task(query: dict[str, Any], task_id: UUID) -> Task:
    """Show a task

    With `wait`: as soon as its status is another than now, else after so many seconds; at once when it has ended.
    """
    if "wait" not in query:
        return shown(broker().tasks.get(tenant().name, str(task_id)))
    leave = partial(on_hang_up, this_request().environ)
    with services().waiters.enter(tenant().name, query["wait"]):
        task = broker().tasks.wait(tenant().name, str(task_id), query["wait"], leave)
    services().door.check(caller())  # a key may end while it waits
    return shown(task)


@blueprint.patch("/<uuid:task_id>")
@blueprint.needs(Scope.WRITE)
@blueprint.arguments(ChangeTask)
@blueprint.response(200, TaskDetail)
@blueprint.problems(404, 409)
def change_task(body: dict[str, Any], task_id: UUID) -> Task:
    """Change the priority, the time or the tags of a task that waits

    409 once it runs or has ended. A time at or past the deadline of one that has not run yet is refused (422).
    """
    delay = body.get("delay_seconds")
    change = TaskChange(
        priority=body.get("priority"),
        background=body.get("background"),
        due_us=body.get("scheduled_at"),
        delay_us=None if delay is None else int(delay * 1_000_000),
        tags=body.get("tags"),
    )
    return shown(broker().tasks.change(tenant().name, str(task_id), change))


@blueprint.delete("/<uuid:task_id>")
@blueprint.needs(Scope.WRITE)
@blueprint.response(204)
@blueprint.problems(404, 409)
def delete_task(task_id: UUID) -> None:
    """Delete a task that has ended

    With its record, and the files that a plugin has made in it. What it made of a video or an image stays with that.
    """
    broker().task_removal.delete(tenant().name, str(task_id), actor())


@blueprint.post("/<uuid:task_id>/cancel")
@blueprint.needs(Scope.WRITE)
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
@blueprint.needs(Scope.WRITE)
@blueprint.arguments(ForceQuery, location="query")
@blueprint.arguments(NoBody, required=False)
@blueprint.response(200, Changed)
@blueprint.problems(404, 409)
def retry_task(query: dict[str, Any], _body: dict[str, Any], task_id: UUID) -> dict[str, Any]:
    """Retry a failed task

    Only failed tasks can be retried, and only while retry_count is below max_retries, unless forced. While another
    unfinished task has its unique_key, it is refused (`unique_key_taken`).
    """
    task = broker().tasks.retry(tenant().name, str(task_id), force=query["force"])
    return {"id": task.id, "status": Status.SCHEDULED, "message": "Task scheduled for retry"}
