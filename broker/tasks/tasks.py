"""What may be done with tasks: submit, find, wait for, cancel, retry. Every answer is the truth of its moment."""

import threading
import uuid
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from typing import Any, TypeVar

from redis import Redis, RedisError

from broker import task_log
from broker.config import BrokerSettings
from broker.engine.connection import redis_errors
from broker.engine.refusals import answer_lost
from broker.engine.transitions import Transitions
from broker.errors import NotCancellable, NotFailed, NotFound, QueueFull, RetriesExhausted, Unavailable
from broker.event import Event
from broker.live.live import Live
from broker.media.records import MediaRecord, fields
from broker.queues.queues import Queues
from broker.status import TERMINAL, WAITING, Status
from broker.task import NewTask, Page, Stats, Task
from broker.task_type import TaskTypes
from broker.tasks.durability import Durability
from broker.tasks.queries import Queries
from broker.tasks.submission import MISSING, Submission, canonical_id, fields_of, new_id, new_ids, prepare, prepare_all

_CANCELLED_NOW = WAITING | {Status.CANCELLED}
T = TypeVar("T")


class Tasks:
    """The tasks of all tenants, on one Redis client with ``decode_responses=True``."""

    def __init__(
        self,
        redis: "Redis",
        store: Transitions,
        settings: BrokerSettings,
        types: TaskTypes,
        queues: Queues,
        live: Callable[[], Live],
    ) -> None:
        """``live`` answers this process' listener, which is made when somebody waits for the first time."""
        self._redis = redis
        self._store = store
        self.settings = settings
        self._types = types
        self._queues = queues
        self._live = live
        self._queries = Queries(redis, store.keys)
        self.durability = Durability(redis, store.keys, settings.durability)

    def submit(self, tenant: str, new: NewTask | Submission, media: MediaRecord | None = None) -> tuple[Task, bool]:
        """Accepts a task, checked now or before, and in the same transaction the record of the media it is about.

        Returns the task and whether it was created now; it was not when its id, or its unique key, was there before.
        Raises ``InvalidInput``, ``QueueFull``, ``Unavailable``.
        """
        submission = new if isinstance(new, Submission) else prepare(self._types, new)
        task_id = submission.id or new_id()
        arguments = task_id, tenant, submission.payload_json, submission.options, self.settings.max_pending
        record = _record(media) if media else ()
        answer = self._durably(
            lambda store: store.submit(*arguments, record), partial(_accepted_one, task_id), [task_id]
        )
        if isinstance(answer, int):
            task_log.tell("accepted", task=task_id, type=new.type, tenant=tenant)
            return submission.task(task_id, tenant, answer), True
        code, holder, *_ = answer
        if code < 0:
            raise self._full(holder, new.type)
        # A client repeats the script when its reply was lost: what it finds then under a new id is what it created.
        return self._found(tenant, [holder])[holder], submission.id is None and holder == task_id

    def check(self, new: NewTask) -> Submission:
        """A new task, found valid. Raises ``InvalidInput``."""
        return prepare(self._types, new)

    def submit_many(self, tenant: str, batch: Sequence[NewTask]) -> list[tuple[Task, bool]]:
        """Accepts 1 to 1,000 tasks, all or none, in one transaction; the answers as those of ``submit``, in order.

        Raises ``InvalidInput`` (with pointers such as ``/tasks/3/payload``), ``QueueFull``, ``Unavailable``.
        """
        return self.submit_checked(tenant, prepare_all(self.check, batch))

    def submit_checked(
        self, tenant: str, checked: Sequence[Submission], ids: Sequence[str] = ()
    ) -> list[tuple[Task, bool]]:
        """``submit_many`` of tasks that were found valid before, under these ids for those that have none.

        Raises ``QueueFull``, ``Unavailable``.
        """
        chosen = bool(ids)
        ids = [each.id or own for each, own in zip(checked, ids or new_ids(len(checked)), strict=True)]
        flat, most = fields_of(checked, ids), self.settings.max_pending
        code, first, *more = self._durably(
            lambda store: store.submit_many(tenant, flat, most), partial(_accepted_many, ids), ids
        )
        if code < 0:
            raise self._full(first, *more)
        holders = dict(zip(more[::2], more[1::2], strict=True))
        found = self._found(tenant, list(holders.values())) if holders else {}
        answers = []
        for number, (each, task_id) in enumerate(zip(checked, ids, strict=True)):
            if number in holders:
                holder = holders[number]
                answers.append((found[holder], not chosen and each.id is None and holder == task_id))
            else:
                task_log.tell("accepted", task=task_id, type=each.type, tenant=tenant)
                answers.append((each.task(task_id, tenant, first + number), True))
        return answers

    def get(self, tenant: str, task_id: str) -> Task:
        """One task. Raises ``NotFound``, also for another tenant's."""
        with redis_errors():
            return self._queries.get(tenant, canonical_id(task_id))

    def get_at(self, tenant: str, task_id: str) -> tuple[Task, str]:
        """One task, and the id of the last event that it shows already. Raises ``NotFound``."""
        with redis_errors():
            return self._queries.get_at(tenant, canonical_id(task_id))

    def wait(
        self, tenant: str, task_id: str, seconds: float, on_leave: Callable[[Callable[[], None]], None] = lambda _: None
    ) -> Task:
        """One task, as soon as its status is another than now, or after so long; at once when it has ended.

        ``on_leave`` is given what to call when nobody waits for the answer any more. Raises ``NotFound``,
        ``Unavailable``. It answers early when this process stops listening.
        """
        task = self.get(tenant, task_id)
        if task.status in TERMINAL:
            return task
        try:
            subscription = self._live().subscribe(tenant, task.id)
        except Unavailable:
            if self._live().stopping:
                return task
            raise
        with closing(subscription):
            changed = threading.Event()
            on_leave(changed.set)
            if self.get(tenant, task_id).status == task.status:
                subscription.begin(partial(_set_on_news, changed), subscription.start)
                changed.wait(seconds)
        return self.get(tenant, task_id)

    def get_many(self, tenant: str, task_ids: Sequence[str]) -> dict[str, Task]:
        """Those of these tasks that the tenant has, by id, which must be as they are stored."""
        with redis_errors():
            return self._queries.get_many(tenant, task_ids)

    def page(self, tenant: str, **filters: Any) -> Page:
        """Tasks newest first; filters and bounds as in ``Queries.page``."""
        with redis_errors():
            return self._queries.page(tenant, **filters)

    def stats(self, tenant: str) -> Stats:
        """Counts over all of the tenant's tasks."""
        with redis_errors():
            return self._queries.stats(tenant, sorted(self._types))

    def cancel(self, tenant: str, task_id: str, force: bool = False) -> Task:
        """Ends a waiting task, with ``force`` also a running one. Raises ``NotFound``, ``NotCancellable``."""
        task_id = canonical_id(task_id)
        with redis_errors():
            found = self._store.cancel(task_id, tenant, force=force)
        if found == "missing":
            raise NotFound(MISSING)
        if found not in _CANCELLED_NOW and not (force and found == Status.PROCESSING):
            raise NotCancellable(
                f"This task is {found}; only pending and scheduled tasks can be cancelled.", current_status=found
            )
        task = self.get(tenant, task_id)
        if found != Status.CANCELLED:
            task_log.tell(f"cancelled while {found}", task=task_id, type=task.type, tenant=tenant)
        return task

    def retry(self, tenant: str, task_id: str, force: bool = False) -> Task:
        """Runs a failed task again. Raises ``NotFound``, ``NotFailed``, ``RetriesExhausted``."""
        task_id = canonical_id(task_id)
        with redis_errors():
            scheduled, found, used, allowed = self._store.retry(task_id, tenant, force=force, request=uuid.uuid4().hex)
        if scheduled:
            task = self.get(tenant, task_id)
            task_log.tell("retried by its tenant", task=task_id, type=task.type, tenant=tenant)
            return task
        if found == "missing":
            raise NotFound(MISSING)
        if found != Status.FAILED:
            raise NotFailed(f"This task is {found}; only failed tasks can be retried.", current_status=found)
        raise RetriesExhausted(
            f"All {allowed} retries are used; add ?force=true to grant one more.",
            current_status=found,
            retry_count=used,
            max_retries=allowed,
        )

    def _found(self, tenant: str, task_ids: Sequence[str]) -> dict[str, Task]:
        """Tasks that a script has found, by id. Raises ``Unavailable`` when they are gone by now."""
        found = self.get_many(tenant, task_ids)
        if not found.keys() >= set(task_ids):  # the server has restarted in between and has forgotten its last moments
            raise Unavailable("The task was not kept; repeat the request.", retry_after=2)
        return found

    def _full(self, waiting: int, type_name: str) -> QueueFull:
        after = self._queues.seconds_per_task(type_name)
        return QueueFull(f"{waiting} {type_name} tasks are waiting; try again later.", retry_after=after)

    def _durably(
        self, write: Callable[[Transitions], T], accepted: Callable[[T], Sequence[str]], task_ids: Sequence[str]
    ) -> T:
        """What ``write`` returns, once Redis has it as the settings demand.

        Of tasks whose answer was lost nobody knows whether they were accepted: the error names ``task_ids`` then.
        """
        try:
            with redis_errors():
                return self.durability.run(self._store, write, accepted)
        except Unavailable as error:
            if isinstance(error.__cause__, RedisError) and answer_lost(error.__cause__):
                error.extra.setdefault("task_ids", list(task_ids))
            raise


def _record(media: MediaRecord) -> list[str]:
    """What the script takes of a media record, which gets the transaction's own time, as the task does."""
    record = fields(media)
    del record["created_at"]
    return [media.id, media.kind, *(part for pair in record.items() for part in pair)]


def _accepted_one(task_id: str, answer: Any) -> list[str]:
    """The id under which the script's ``answer`` says that the task is there; none when it was refused."""
    if isinstance(answer, int):
        return [task_id]
    return [answer[1]] if answer[0] == 0 else []


def _accepted_many(task_ids: Sequence[str], answer: list[Any]) -> list[str]:
    """The same of several, in their order."""
    code, _, *more = answer
    holders = dict(zip(more[::2], more[1::2], strict=False))
    return [holders.get(number, task_id) for number, task_id in enumerate(task_ids)] if code >= 0 else []


def _set_on_news(changed: threading.Event, events: list[Event]) -> None:
    """When a task may have another status than before."""
    if any(event.kind != "progress" for event in events):
        changed.set()
