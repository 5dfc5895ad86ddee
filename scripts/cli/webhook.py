"""Webhooks as the daemon sends them (Standard Webhooks 1.0), made here from the event stream and signed with a secret
of this machine's.
"""

import base64
import hmac
import json
import time
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from scripts.cli.api import Api
from scripts.cli.events import Event
from scripts.cli.failure import NOT_FOUND, Failure
from scripts.cli.status import ENDED, STATUSES

TYPES = (
    *(f"task.{status}" for status in STATUSES if status == "processing" or status in ENDED),
    *("video.playable", "flow.completed", "flow.failed"),
)
_PREFIX = "whsec_"
#: Members of a payload that may name a file, as the daemon looks at them.
_MEMBERS = 10
#: Members of a flow beside its id.
_OF_FLOW = ("status", "total", "by_status", "created_at", "ended_at")

Task = dict[str, Any]


@dataclass(frozen=True)
class Webhook:
    """One event, ready to be sent as often as it takes."""

    id: str
    type: str
    #: The task, or the flow; the other is ``None``.
    task: Task | None
    flow: str | None
    body: bytes

    @property
    def about(self) -> str:
        return f"{self.task['type']} {self.task['id']}" if self.task else f"flow {self.flow}"

    def headers(self, secret: str, seconds: int | None = None) -> dict[str, str]:
        """Those of one attempt, made now or ``seconds`` after the epoch."""
        seconds = int(time.time()) if seconds is None else seconds
        signed = f"{self.id}.{seconds}.".encode() + self.body
        digest = hmac.digest(base64.b64decode(secret.removeprefix(_PREFIX)), signed, "sha256")
        return {
            "Content-Type": "application/json",
            "User-Agent": "mindia-tasks-webhooks/1",
            "webhook-id": self.id,
            "webhook-timestamp": str(seconds),
            "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
        }


class Webhooks:
    """Makes webhooks of events. It remembers which tasks are running or only look again, and which ids are files."""

    def __init__(self, api: Api, types: frozenset[str]) -> None:
        self._api, self._types = api, types
        self._running: set[str] = set()
        self._postponed: set[str] = set()
        self._media: dict[str, str | None] = {}

    def of(self, event: Event) -> Webhook | None:
        """``None`` for what no webhook is told, and for a task that is gone. Raises ``Failure``."""
        if event.name == "flow":
            return self._of_flow(event)
        if event.name != "status":
            return None
        kind, task_id = f"task.{event.data['status']}", event.data["task_id"]
        if self._looks_again(event) or kind not in self._types:
            return None
        try:
            now = self._api.get(f"/api/tasks/{task_id}") | {"waited": None}  # events carry no bill
            task = as_it_was(now, event.data)
        except Failure as failure:
            if failure.status == NOT_FOUND:
                return None
            raise
        data = task | {"links": self._links(task)}
        return Webhook(f"evt_{task_id}_{event.id}", kind, task, None, _body(kind, event, data))

    def _of_flow(self, event: Event) -> Webhook | None:
        kind, flow = f"flow.{event.data['status']}", event.data["flow"]
        if kind not in self._types:
            return None
        data = {"id": flow, **{name: event.data[name] for name in _OF_FLOW}}
        identity = uuid5(NAMESPACE_URL, f"{self._api.access.url}/api/flows/{flow}")
        return Webhook(f"evt_{identity}_{event.id}", kind, None, flow, _body(kind, event, data))

    def _looks_again(self, event: Event) -> bool:
        """Whether a run begins that was only postponed: it has been told that the task is processed."""
        task_id, status = event.data["task_id"], event.data["status"]
        if status == "processing":
            again = task_id in self._postponed
            self._postponed.discard(task_id)
            self._running.add(task_id)
            return again
        if status == "scheduled" and task_id in self._running and "retry_count" not in event.data:
            self._postponed.add(task_id)
        elif status != "pending":
            self._postponed.discard(task_id)
        self._running.discard(task_id)
        return False

    def _links(self, task: Task) -> dict[str, str] | None:
        """The address of the file that the task is about; links that open without a key would expire on the way."""
        for value in list(task["payload"].values())[:_MEMBERS]:
            if isinstance(value, str) and _is_uuid(value) and (path := self._path_of(value)):
                return {"media_url": self._api.access.url + path}
        return None

    def _path_of(self, media_id: str) -> str | None:
        if media_id not in self._media:
            paths = (f"/api/{kind}/{media_id}" for kind in ("videos", "images", "audios", "documents"))
            self._media[media_id] = next((path for path in paths if self._is_there(path)), None)
        return self._media[media_id]

    def _is_there(self, path: str) -> bool:
        try:
            self._api.get(path)
        except Failure as failure:
            if failure.status == NOT_FOUND:
                return False
            raise
        return True


def _body(kind: str, event: Event, data: Any) -> bytes:
    return json.dumps({"type": kind, "timestamp": event.data["at"], "data": data}, separators=(",", ":")).encode()


def as_it_was(task: Task, told: dict[str, Any]) -> Task:
    """A task that may have gone on, as it was when it was told."""
    then = {"status": told["status"], "waiting": None}
    if task["status"] == told["status"]:
        return task
    if told["status"] == "processing":
        return task | then | {"started_at": told["at"], "completed_at": None, "result": None, "error": None}
    return task | then | {"completed_at": told["at"], "error": told.get("error")}


def _is_uuid(text: str) -> bool:
    try:
        return bool(UUID(text))
    except ValueError:
        return False
