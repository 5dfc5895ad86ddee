"""``/api/events`` and ``/api/tasks/{id}/events``: what happens, as server-sent events (WHATWG HTML, section 9.2)."""

from typing import Any
from uuid import UUID

from flask import Response, request

from broker.access.scopes import Scope
from broker.event import Event
from broker.live.subscription import Subscription
from broker.status import TERMINAL
from broker.task import Task
from gateway.blueprint import Blueprint
from gateway.current import broker, services, tenant
from gateway.event_streams import adoption
from gateway.live.frames import frame, frames, notice
from gateway.live.handover import require_socket
from gateway.live.stream import MIMETYPE, stream
from gateway.schemas.events import LastEventId

blueprint = Blueprint("events", __name__, url_prefix="/api", description="What happens, while it happens.")
_TEXT = {"type": "string"}
_SHOWN = ("type", "status", "progress", "retry_count", "error", "created_at", "scheduled_at", "started_at")


@blueprint.get("/tasks/<uuid:task_id>/events")
@blueprint.needs(Scope.READ)
@blueprint.arguments(LastEventId, location="headers")
@blueprint.response(200, _TEXT, content_type=MIMETYPE)
@blueprint.alt_response(204, description="It has ended and everything was told: do not connect again.", success=True)
@blueprint.problems(404, 503)
def watch_task(headers: dict[str, Any], task_id: UUID) -> Response:
    """Watch a task

    First `snapshot`, the state now, unless the stream is resumed. Then `status` at every change (`ended`: whether that
    was its end), `progress`, and `gone` if the task was deleted. The stream ends with the task; of an ended task it
    tells the end. What the snapshot shows is not told again; events come in order, each with an id to resume from. A
    reader that is too slow is ended with `cut_off`, one whose key is revoked or expires with `key_ended` (within
    seconds), a server that stops says `stopped`, and `reset` means that events are missing: read the state again.
    """
    broker().tasks.get(tenant().name, str(task_id))
    subscription = _subscribe(str(task_id))
    try:
        task, now = broker().tasks.get_at(tenant().name, str(task_id))
        ended = task.status in TERMINAL
        missed = _missed(subscription, headers, now)
        if missed is None:
            first = _reset(headers) + _snapshot(task, now) + (_end(task, now) if ended else b"")
            return _stream(subscription, first, now, ended=ended)
        if ended and not missed:
            subscription.close()
            return Response(status=204)
        return _stream(subscription, frames(missed), now, ended=ended)
    except BaseException:
        subscription.close()
        raise


@blueprint.get("/events")
@blueprint.needs(Scope.READ)
@blueprint.arguments(LastEventId, location="headers")
@blueprint.response(200, _TEXT, content_type=MIMETYPE)
@blueprint.problems(503)
def watch_tasks(headers: dict[str, Any]) -> Response:
    """Watch all tasks

    First `snapshot`, the number of tasks by status, unless the stream is resumed. Then for every task `status` at
    every change, `progress`, `attempt` when a run ended and its task did not, and `gone` when it was deleted; `flow`
    when all tasks of one have ended, `playable` when a video can be played while it is made, `failure` when a group of
    failures is `new` or has `regressed`, and `queue` when limits were changed with a key of yours. What the snapshot
    counts may be told once more. The rest is as for one task.
    """
    subscription = _subscribe()
    try:
        missed = _missed(subscription, headers, subscription.start)
        if missed is not None:
            return _stream(subscription, frames(missed), subscription.start)
        stats = broker().tasks.stats(tenant().name)
        counts = {"total": stats.total, "by_status": stats.by_status}
        first = _reset(headers) + frame("snapshot", counts, subscription.start)
        return _stream(subscription, first, subscription.start)
    except BaseException:
        subscription.close()
        raise


def _subscribe(task_id: str = "") -> Subscription:
    require_socket(request.environ)
    leave = services().hub.take_place(tenant().name)
    try:
        subscription = broker().live.subscribe(tenant().name, task_id)
    except BaseException:
        leave()
        raise
    subscription.at_close(leave)
    return subscription


def _stream(subscription: Subscription, first: bytes, after: str, *, ended: bool = False) -> Response:
    return stream(subscription, first, after, ended=ended, adopt=adoption(), environ=request.environ)


def _missed(subscription: Subscription, headers: dict[str, Any], until: str) -> list[Event] | None:
    """What a returning client has missed; ``None`` for one that begins, or comes back too late."""
    return broker().live.missed(subscription, headers["last_id"], until) if "last_id" in headers else None


def _reset(headers: dict[str, Any]) -> bytes:
    """What a client is told that comes back too late."""
    return notice("reset") if "last_id" in headers else b""


def _snapshot(task: Task, now: str) -> bytes:
    """The small fields of a task: whoever wants its payload or result reads it."""
    return frame("snapshot", {"task_id": task.id, **{name: getattr(task, name) for name in _SHOWN}}, now)


def _end(task: Task, now: str) -> bytes:
    """The event with which the task ended, from what is kept of it."""
    error = {"error": task.error} if task.error else {}
    fields: dict[str, Any] = {"task_id": task.id, "at": task.completed_at, "type": task.type, "status": task.status}
    fields |= {"ended": True, **error}
    return frame("status", fields, now)
