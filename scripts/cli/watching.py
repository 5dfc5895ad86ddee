"""Following tasks to their ends, over the event stream: the state of each, kept up to date."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from scripts.cli.api import Api
from scripts.cli.events import Event, Say, Stream
from scripts.cli.failure import NOT_FOUND, Failure
from scripts.cli.status import ENDED

Task = dict[str, Any]
_PROGRESS = ("percent", "stage")
_NEW: Task = {"type": "", "status": "", "started_at": None, "completed_at": None, "scheduled_at": None}


def follow(api: Api, ids: list[str], say: Say) -> Iterator[Task]:
    """The tasks as they are now, and each again at every change, until all have ended; without ids all of the tenant's,
    from now on and without an end.

    Raises ``Failure``, ``NOT_FOUND`` for an id that is none.
    """
    tasks = Watched(api, ids)
    path = f"/api/tasks/{ids[0]}/events" if len(ids) == 1 else "/api/events"
    for event in Stream(api, path, say):  # it begins with a snapshot, on which all are read
        yield from tasks.changes(event)
        if ids and tasks.all_ended:
            return
    yield from tasks.read_all()  # the stream had nothing to tell of a task that has ended meanwhile


class Watched:
    """What is known of the tasks that are watched."""

    def __init__(self, api: Api, ids: list[str]) -> None:
        self._api, self._ids = api, ids
        self._tasks: dict[str, Task] = {}

    @property
    def all_ended(self) -> bool:
        return all(self._tasks[each]["status"] in ENDED for each in self._ids)

    def read_all(self) -> Iterator[Task]:
        for each in self._ids:
            if self._tasks.get(each, {}).get("status") not in ENDED:
                yield self._read(each)

    def changes(self, event: Event) -> Iterator[Task]:
        """The tasks that an event has changed."""
        handle: Callable[[Event], Iterator[Task]] | None = {
            "status": self._status,
            "progress": self._progress,
            "gone": self._gone,
            "snapshot": self._all_anew,
            "reset": self._all_anew,
            "beat": self._waiting_anew,
        }.get(event.name)
        task_id = event.data.get("task_id", "")
        if handle and (not task_id or not self._ids or task_id in self._ids):
            yield from handle(event)

    def _read(self, task_id: str) -> Task:
        task: Task = self._api.get(f"/api/tasks/{task_id}")
        self._tasks[task_id] = task
        return task

    def _status(self, event: Event) -> Iterator[Task]:
        task_id, status = event.data["task_id"], event.data["status"]
        if not self._ids:
            yield from self._from_event(event)
        elif self._tasks[task_id]["status"] not in ENDED or status not in ENDED:  # else it was read after its end
            yield self._read(task_id)

    def _from_event(self, event: Event) -> Iterator[Task]:
        """As far as it is told: to read each of all tasks at each change would be too much."""
        task_id, told = event.data["task_id"], event.data
        task = self._tasks.pop(task_id, _NEW | {"id": task_id, "created_at": told["at"]})
        task |= {name: told.get(name, task[name]) for name in ("type", "status", "scheduled_at")}
        task |= {"error": told.get("error"), "progress": None}
        if told["status"] == "processing":
            task["started_at"] = told["at"]
        if told["status"] in ENDED:
            task["completed_at"] = told["at"]
        else:
            self._tasks[task_id] = task
        yield task

    def _progress(self, event: Event) -> Iterator[Task]:
        task = self._tasks.get(event.data["task_id"])
        if task is None:  # it was running before
            with suppress(Failure):
                yield self._read(event.data["task_id"])
        elif task["status"] == "processing":
            task["progress"] = {name: event.data[name] for name in _PROGRESS}
            yield task

    def _gone(self, event: Event) -> Iterator[Task]:
        if event.data["task_id"] in self._ids:
            raise Failure(f"The task {event.data['task_id']} was deleted.", NOT_FOUND, "not_found")
        self._tasks.pop(event.data["task_id"], None)
        yield from ()

    def _all_anew(self, _event: Event) -> Iterator[Task]:
        yield from self.read_all()

    def _waiting_anew(self, _event: Event) -> Iterator[Task]:
        """What the API says of the wait changes without an event."""
        for each in self._ids:
            if self._tasks[each].get("waiting"):
                yield self._read(each)
