"""Jobs of an RQ system become tasks, and tasks jobs again. Every step may be repeated, whoever died in it."""

import logging
import math
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress

from broker.adoption.names import function_name
from broker.adoption.source import Source
from broker.adoption.types import opened, type_name
from broker.errors import InvalidInput, NotCancellable, NotFound, QueueFull, QuotaExceeded
from broker.status import TERMINAL, WAITING, Status
from broker.task import NewTask, Task
from broker.task_type import MAX_RETRIES, MAX_TIMEOUT, TaskTypes
from broker.tasks.submission import Submission, prepare
from broker.tasks.task_filters import Wanted
from broker.tasks.tasks import Tasks

log = logging.getLogger(__name__)

_NAMESPACE = uuid.UUID("7b0b8ff0-5a0b-4c43-9f2b-0c2d6b3f5f5e")
#: Seconds of a job without a timeout, as RQ has it.
_TIMEOUT = 180
#: Larger than any number of a job that means something.
_HUGE = 1e9
#: Tasks of one look.
_PAGE = 100
#: What RQ is told of a task that has ended without its runner, by how it ended.
_TOLD = {Status.FAILED: "failed", Status.CANCELLED: "canceled"}


def task_id(job_id: str, adoption: int) -> str:
    """The id of the task that a job becomes the n-th time."""
    return str(uuid.uuid5(_NAMESPACE, f"{job_id}:{adoption}"))


class Adoption:
    """Between one source and our tasks, which belong to ``tenant``."""

    def __init__(self, source: Source, tasks: Tasks, types: TaskTypes, queues: list[str], tenant: str) -> None:
        self.source = source
        self.queues = queues
        self._tasks, self._tenant = tasks, tenant
        self._types = opened(types, queues)
        #: Jobs that no task could be made of.
        self.refused = 0

    def move(self, queue: str) -> int:
        """Makes tasks of the jobs at the front of an adopted queue; how many are dealt with. Raises ``Unavailable``.

        Where our queue is full, the rest waits. A job that no task can be made of has failed in RQ's eyes.
        """
        moved = 0
        for job_id, adoption, fields in self.source.take(queue):
            if not fields:  # deleted in RQ meanwhile
                self.source.end(queue, job_id, adoption)
            elif adoption and (new := self._prepared(queue, job_id, adoption, fields)):
                try:
                    self._tasks.submit(self._tenant, new)
                except (QueueFull, QuotaExceeded):
                    break
            self.source.note_taken(queue, job_id, adoption)
            moved += 1
        return moved

    def _prepared(self, queue: str, job_id: str, adoption: int, fields: Mapping[bytes, bytes]) -> Submission | None:
        try:
            return prepare(self._types, self._new(queue, job_id, adoption, fields))
        except Exception as error:  # its fields may hold anything, and the jobs behind it wait
            self.source.end(queue, job_id, adoption, "failed")
            self.refused += 1
            log.warning(
                "job %r of queue %r cannot become a task, and is among RQ's failed jobs now: %s",
                *(job_id, queue, _why(error)),
            )
            return None

    def _new(self, queue: str, job_id: str, adoption: int, fields: Mapping[bytes, bytes]) -> NewTask:
        retries = max(0, min(MAX_RETRIES, _number(fields, b"retries_left", 0)))
        timeout = _number(fields, b"timeout", _TIMEOUT)
        function = function_name(fields.get(b"data", b""))[:200]
        return NewTask(
            type_name(queue),
            {"job_id": job_id, "queue": queue, "function": function, "adoption": adoption, "retries": retries},
            id=task_id(job_id, adoption),
            max_retries=retries,
            timeout_seconds=MAX_TIMEOUT if timeout <= 0 else min(MAX_TIMEOUT, timeout),
        )

    def settle(self, queue: str) -> int:
        """Tells RQ of tasks that ended without their runner (overdue, cancelled, removed); how many."""
        told = 0
        for job_id, adoption, _ in self.source.marks(queue):
            if self.source.is_taken(queue, job_id):
                continue
            task = self._task(task_id(job_id, adoption))
            if task is None or task.status in TERMINAL:
                status = _TOLD.get(task.status, "") if task else "failed"
                if self.source.end(queue, job_id, adoption, status):
                    self.source.forget_runs(queue, job_id)
                    told += 1
        return told

    def give_back(self, queue: str) -> Iterator[str]:
        """Puts jobs back to the front of RQ's queue, a word for each: ``back``, ``gone`` or ``running``.

        The job goes first and its task after it: whoever dies in between leaves a task that finds its job gone.
        """
        for job_id, adoption, state in self.source.newest_first(queue):
            if state == "running":
                # Whose run is over, or never was: it may have died with its worker.
                running = not self._cancelled(task_id(job_id, adoption))
                if not running:
                    self.source.forget_runs(queue, job_id)
                yield "running" if running else self.source.give_back(queue, job_id, force=True)
                continue
            told = self.source.give_back(queue, job_id)
            if told == "back":
                self._cancelled(task_id(job_id, adoption))
            yield told if told in ("back", "gone") else "running"
        self._cancel_strays(queue)

    def _cancel_strays(self, queue: str) -> None:
        """Tasks that wait for a job that is not theirs any more: whoever gave it back died before their turn."""
        marks = {job_id: adoption for job_id, adoption, _ in self.source.marks(queue)}
        for status in sorted(WAITING):
            wanted, seen, total = Wanted(statuses=(status,), types=(type_name(queue),)), 0, 1
            while seen < total:
                page = self._tasks.page(self._tenant, wanted, limit=_PAGE, offset=seen)
                total = page.total
                strays = [
                    each.id for each in page.tasks if marks.get(each.payload["job_id"]) != each.payload["adoption"]
                ]
                for each in strays:
                    self._cancelled(each)
                seen, total = seen + len(page.tasks) - len(strays), total - len(strays)
                if not page.tasks:
                    break

    def _cancelled(self, task: str) -> bool:
        """Whether no run of the task goes on or will begin."""
        with suppress(NotFound):
            try:
                self._tasks.cancel(self._tenant, task)
            except NotCancellable:
                return self._tasks.get(self._tenant, task).status in TERMINAL
        return True

    def _task(self, task: str) -> Task | None:
        try:
            return self._tasks.get(self._tenant, task)
        except NotFound:
            return None


def _why(error: Exception) -> str:
    if isinstance(error, InvalidInput):
        return "; ".join(f"{each['pointer']} {each['detail']}" for each in error.extra["errors"])
    return f"{type(error).__name__}: {error}"


def _number(fields: Mapping[bytes, bytes], name: bytes, default: int) -> int:
    """A whole number, of an infinite one a very large; ``default`` for what is none."""
    try:
        number = float(fields.get(name) or default)
    except ValueError:
        return default
    return default if math.isnan(number) else int(max(-_HUGE, min(_HUGE, number)))
