"""``/api/tasks/{id}/logs``: what the runs of a task have said, and say."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import Response, request

from broker.access.scopes import Scope
from broker.event import Event
from broker.live.log_tails import START, LogTail
from broker.status import TERMINAL
from broker.task import Task
from broker.task_logs import LogPage as Page
from gateway.blueprint import Blueprint
from gateway.current import broker, services, tenant
from gateway.event_streams import adoption
from gateway.live.frames import frames, notice
from gateway.live.handover import require_socket
from gateway.live.stream import MIMETYPE, stream
from gateway.schemas.logs import LastLine, LogPage, LogQuery

blueprint = Blueprint("logs", __name__, url_prefix="/api/tasks", description="What the runs of tasks say.")
_TEXT = {"type": "string"}


@blueprint.get("/<uuid:task_id>/logs")
@blueprint.needs(Scope.READ)
@blueprint.arguments(LogQuery, location="query")
@blueprint.response(200, LogPage)
@blueprint.problems(404)
def get_task_logs(query: dict[str, Any], task_id: UUID) -> Page:
    """Read what a task's handler has said

    By logging and by printing, in all of its runs, the oldest line first. The newest 2,000 lines are kept, and of them
    as many as fit into the operator's bound (64 KiB, if it has set none), as long as the task is. What is said faster
    than it can be kept is left out, and a line says how much. All that a run has said is here when it has ended.
    """
    broker().tasks.get(tenant().name, str(task_id))
    return broker().task_logs.page(
        str(task_id), after=query.get("after", ""), attempt=query.get("attempt"), limit=query["limit"]
    )


@blueprint.get("/<uuid:task_id>/logs/events")
@blueprint.needs(Scope.READ)
@blueprint.arguments(LastLine, location="headers")
@blueprint.response(200, _TEXT, content_type=MIMETYPE)
@blueprint.alt_response(204, description="It has ended and everything was told: do not connect again.", success=True)
@blueprint.problems(404, 503)
def watch_task_logs(headers: dict[str, Any], task_id: UUID) -> Response:
    """Follow what a task's handler says

    First the lines that are there, each a `line` event with the line's id to resume from; then those that come, within
    a second. The stream ends with the task, by its `status` event. `reset` means that lines are missing which are not
    kept any more; the rest is as for `GET /api/tasks/{id}/events`.
    """
    broker().tasks.get(tenant().name, str(task_id))
    require_socket(request.environ)
    tail = _tail(str(task_id))
    try:
        after = headers.get("last_id", START)
        task = broker().tasks.get(tenant().name, str(task_id))  # read before the lines: its end comes after them
        lines, whole = broker().log_tails.kept(str(task_id), after)
        if task.status in TERMINAL and not lines and "last_id" in headers:
            tail.close()
            return Response(status=204)
        ended = task.status in TERMINAL
        first = (b"" if whole else notice("reset")) + frames([*lines, _end(task)] if ended else lines)
        after = lines[-1].id if lines else after
        return stream(tail, first, after, ended=ended, adopt=adoption(), environ=request.environ)
    except BaseException:
        tail.close()
        raise


def _tail(task_id: str) -> LogTail:
    """A follower with its place among all listeners, which ends with the task."""
    leave = services().hub.take_place(tenant().name)
    try:
        events = broker().live.subscribe(tenant().name, task_id)
    except BaseException:
        leave()
        raise
    tail = broker().log_tails.tail(task_id)
    tail.at_close(leave)
    tail.at_close(events.close)

    def note_end(told: list[Event]) -> None:
        for each in told:
            if each.is_last and not tail.end:
                tail.end = replace(each, id="", place=None)  # a stream of lines is resumed from a line

    events.begin(note_end, events.start)
    return tail


def _end(task: Task) -> Event:
    fields = {"task_id": task.id, "at": task.completed_at, "type": task.type, "status": task.status}
    return Event("status", "", task.id, fields)
