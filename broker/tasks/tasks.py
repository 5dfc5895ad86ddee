"""What may be done with tasks: submit, find, wait for, cancel, retry. Every answer is the truth of its moment."""

import threading
import uuid
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from typing import Any, TypeVar

from redis import Redis, RedisError

from broker import task_log
from broker.actor import Actor
from broker.clock import from_rfc3339
from broker.config import BrokerSettings
from broker.engine.connection import redis_errors
from broker.engine.refusals import answer_lost
from broker.engine.transitions import Transitions
from broker.errors import (
    Deleted,
    InvalidInput,
    NotCancellable,
    NotEnded,
    NotFailed,
    NotFound,
    NotWaiting,
    QueueFull,
    QuotaExceeded,
    RetriesExhausted,
    Unavailable,
    UniqueKeyTaken,
)
from broker.event import Event
from broker.forecast.forecasts import Forecasts
from broker.levels import BACKGROUND
from broker.live.live import Live
from broker.media.records import MediaRecord, fields
from broker.queues.queues import Queues
from broker.status import TERMINAL, WAITING, Status
from broker.task import Found, NewTask, Page, Stats, Task, TaskChange
from broker.task_type import TaskTypes
from broker.tasks.admission import Admission
from broker.tasks.durability import Durability
from broker.tasks.flows import Flow
from broker.tasks.links import FLOW, MISSING, refused
from broker.tasks.places import Place
from broker.tasks.queries import Queries
from broker.tasks.sending import Sending
from broker.tasks.submission import (
    Submission,
    canonical_id,
    fields_of,
    linked_fields_of,
    new_id,
    new_ids,
    prepare,
    prepare_all,
    tags_json,
)
from broker.tasks.task_filters import Wanted
from broker.usage.quotas import bounds
from broker.usage.quotas import refused as quota_refused

_CANCELLED_NOW = WAITING | {Status.CANCELLED}
T = TypeVar("T")
#: How the scripts say that the media of a task was deleted meanwhile.
_DELETED, _LINKED_DELETED = -2, -3
#: How they say that a quota leaves no room.
_QUOTA = -4


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
        forecasts: Callable[[], Forecasts],
    ) -> None:
        """``live`` answers this process' listener, and ``forecasts`` its forecasts: made when first asked for."""
        self._redis = redis
        self._store = store
        self.settings = settings
        self._types = types
        self._queues = queues
        self._live = live
        self._queries = Queries(redis, store.keys)
        self._bounded: BrokerSettings | None = None
        self._bounds_of = ""
        self._admission = Admission(redis, store.keys, forecasts)
        self.durability = Durability(redis, store.keys, settings.durability)

    def submit(self, tenant: str, new: NewTask | Submission, media: MediaRecord | None = None) -> tuple[Task, bool]:
        """Accepts a task, checked now or before, and in the same transaction the record of the media it is about.

        Returns the task and whether it was created now; it was not when its id, or its unique key, was there before.
        Raises ``InvalidInput``, ``QueueFull``, ``QuotaExceeded``, ``Deleted`` (the media, meanwhile), ``Unavailable``.
        """
        submission = new if isinstance(new, Submission) else prepare(self._types, new)
        if submission.links:
            return self.submit_linked(tenant, [submission], media=media, batch=False)[0]
        task_id = submission.id or new_id()
        arguments = task_id, tenant, submission.payload_json, submission.options, self._bounds
        record = _record(media) if media else ()
        with Sending(submission.type, task_id) as trace:
            answer = self._durably(
                lambda store: store.submit(*arguments, record, trace=trace), partial(_accepted_one, task_id), [task_id]
            )
        if isinstance(answer, int):
            task_log.tell("accepted", task=task_id, type=new.type, tenant=tenant)
            return submission.task(task_id, tenant, answer, trace), True
        code, *more = answer
        if code == _DELETED:
            raise Deleted()
        if code == _QUOTA:
            raise self._over_quota(more, new.type)
        holder = more[0]
        if code < 0:
            raise self._full(tenant, holder, new.type, 1)
        # A client repeats the script when its reply was lost: what it finds then under a new id is what it created.
        return self._found(tenant, [holder])[holder], submission.id is None and holder == task_id

    def keep(self, media: MediaRecord) -> str:
        """Accepts the record of a media file that no task comes with; when it was created.

        Raises ``QuotaExceeded``, ``Deleted``, ``Unavailable``.
        """
        record, most = _record(media), self._bounds
        code, *more = self._durably(
            lambda store: store.keep_media(media.tenant, most, record), lambda answer: [media.id] * (answer[0] > 0), []
        )
        if code == _DELETED:
            raise Deleted()
        if code == _QUOTA:
            raise quota_refused(*more)
        return str(more[0])

    def check(self, new: NewTask) -> Submission:
        """A new task, found valid. Raises ``InvalidInput``."""
        return prepare(self._types, new)

    def submit_many(self, tenant: str, batch: Sequence[NewTask]) -> list[tuple[Task, bool]]:
        """Accepts 1 to 1,000 tasks, all or none, in one transaction; the answers as those of ``submit``, in order.

        Raises ``InvalidInput`` (with pointers such as ``/tasks/3/payload``), ``QueueFull``, ``QuotaExceeded``,
        ``Unavailable``.
        """
        return self.submit_checked(tenant, prepare_all(self.check, batch))

    def submit_checked(
        self, tenant: str, checked: Sequence[Submission], ids: Sequence[str] = ()
    ) -> list[tuple[Task, bool]]:
        """``submit_many`` of tasks that were found valid before, under these ids for those that have none.

        Raises ``QueueFull``, ``QuotaExceeded``, ``Unavailable``.
        """
        if any(each.links for each in checked):
            return self.submit_linked(tenant, checked, ids)
        chosen = bool(ids)
        ids = [each.id or own for each, own in zip(checked, ids or new_ids(len(checked)), strict=True)]
        flat, most = fields_of(checked, ids), self._bounds
        with Sending(checked[0].type, many=len(checked)) as trace:
            code, first, *more = self._durably(
                lambda store: store.submit_many(tenant, flat, most, trace=trace), partial(_accepted_many, ids), ids
            )
        if code == _QUOTA:
            raise self._over_quota([first, *more], checked[0].type)
        if code < 0:
            raise self._full(tenant, first, more[0], _count(checked, more[0]))
        holders = dict(zip(more[::2], more[1::2], strict=True))
        found = self._found(tenant, list(holders.values())) if holders else {}
        answers = []
        for number, (each, task_id) in enumerate(zip(checked, ids, strict=True)):
            if number in holders:
                holder = holders[number]
                answers.append((found[holder], not chosen and each.id is None and holder == task_id))
            else:
                task_log.tell("accepted", task=task_id, type=each.type, tenant=tenant)
                answers.append((each.task(task_id, tenant, first + number, trace), True))
        return answers

    def submit_linked(
        self,
        tenant: str,
        checked: Sequence[Submission],
        ids: Sequence[str] = (),
        media: MediaRecord | None = None,
        *,
        batch: bool = True,
    ) -> list[tuple[Task, bool]]:
        """``submit_checked`` of tasks that depend on others or belong to flows, with a media record.

        A task may depend on earlier ones of the same call. Raises ``InvalidInput`` too, for what cannot be depended on
        and for deadlines that have passed, and ``DeadlineImpossible``.
        """
        new = {number for number, each in enumerate(checked) if not ids and each.id is None}
        ids = [each.id or own for each, own in zip(checked, ids or new_ids(len(checked)), strict=True)]
        self._admission.check(tenant, checked, ids, batch=batch)
        flat, most = linked_fields_of(checked, ids), self._bounds
        record = _record(media) if media else ()
        with Sending(checked[0].type, many=len(checked)) as trace:
            code, first, *more = self._durably(
                lambda store: store.submit_linked(tenant, flat, most, record, trace=trace),
                partial(_accepted_many, ids),
                ids,
            )
        if code == -1:
            raise self._full(tenant, first, more[0], _count(checked, more[0]))
        if code == _QUOTA:
            raise self._over_quota([first, *more], checked[0].type)
        if code == _LINKED_DELETED:
            raise Deleted()
        if code < 0:
            raise refused(first, *more, batch=batch)
        holders = dict(zip(more[::2], more[1::2], strict=True))
        there = [holders.get(number, task_id) for number, task_id in enumerate(ids)]
        found = self._found(tenant, there)
        answers = []
        for number, (each, task_id) in enumerate(zip(checked, there, strict=True)):
            if number not in holders:
                task_log.tell("accepted", task=task_id, type=each.type, tenant=tenant)
            repeated = number in new and task_id == ids[number]  # by a client whose reply was lost
            answers.append((found[task_id], number not in holders or repeated))
        return answers

    def flow(self, tenant: str, flow_id: str) -> Flow:
        """How a flow of the tenant's stands. Raises ``NotFound``."""
        if not FLOW.fullmatch(flow_id):
            raise NotFound("There is no flow with this id.")
        with redis_errors():
            return self._queries.flow(tenant, flow_id)

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

    def page(self, tenant: str, wanted: Wanted = Wanted(), *, limit: int = 50, offset: int = 0) -> Page:  # noqa: B008
        """Tasks newest first; as ``Queries.page``."""
        with redis_errors():
            return self._queries.page(tenant, wanted, limit=limit, offset=offset)

    def find(self, tenant: str, wanted: Wanted, place: Place, limit: int) -> Found:
        """Tasks from a place in their list on; as ``Queries.find``."""
        with redis_errors():
            return self._queries.find(tenant, wanted, place, limit)

    def count(self, tenant: str, wanted: Wanted) -> int | None:
        """How many match; ``None`` where each would have to be looked at."""
        with redis_errors():
            return self._queries.count(tenant, wanted)

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

    def change(self, tenant: str, task_id: str, change: TaskChange) -> Task:
        """Changes a task that waits. Raises ``InvalidInput``, ``NotFound``, ``NotWaiting``.

        ``InvalidInput`` also for a time at or past the deadline of one that has not run yet.
        """
        task_id = canonical_id(task_id)
        tags = None if change.tags is None else tags_json(change.tags) or "[]"
        level = _level(change)
        with redis_errors():
            found = self._store.change_task(
                task_id,
                tenant,
                level=level,
                due="" if change.due_us is None else str(change.due_us),
                delay="" if change.delay_us is None else str(change.delay_us),
                tags=tags or "",
                request=uuid.uuid4().hex,
            )
        if found == "missing":
            raise NotFound(MISSING)
        if found == "late":
            raise _late(change, self.get(tenant, task_id))
        if found not in WAITING:
            raise NotWaiting(f"This task is {found}; only a task that waits can be changed.", current_status=found)
        task = self.get(tenant, task_id)
        task_log.tell("changed by its tenant", task=task_id, type=task.type, tenant=tenant)
        return task

    def delete(self, tenant: str, task_id: str, note: tuple[str, str] = ("", ""), by: Actor | None = None) -> Task:
        """Removes a task that has ended, and what the record of a media file (its id, the field) notes of it.

        Returns it as it was. Raises ``NotFound``, ``NotEnded``.
        """
        task = self.get(tenant, task_id)
        with redis_errors():
            found = self._store.delete_task(task.id, tenant, media_id=note[0], note=note[1], by=by)
        if found not in TERMINAL and found != "missing":  # which may be by a call whose reply was lost
            raise NotEnded(f"This task is {found}; only tasks that have ended can be deleted.", current_status=found)
        task_log.tell("deleted by its tenant", task=task.id, type=task.type, tenant=tenant)
        return task

    def retry(self, tenant: str, task_id: str, force: bool = False) -> Task:
        """Runs a failed task again. Raises ``NotFound``, ``NotFailed``, ``RetriesExhausted``, ``UniqueKeyTaken``."""
        task_id = canonical_id(task_id)
        with redis_errors():
            scheduled, found, used, allowed = self._store.retry(task_id, tenant, force=force, request=uuid.uuid4().hex)
        if scheduled:
            task = self.get(tenant, task_id)
            task_log.tell("retried by its tenant", task=task_id, type=task.type, tenant=tenant)
            return task
        if found == "missing":
            raise NotFound(MISSING)
        if found == "key_taken":
            raise UniqueKeyTaken(f"Task {used} has its unique_key and is unfinished; only one may be.", holder=used)
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

    @property
    def _bounds(self) -> str:
        if self._bounded is not self.settings:
            self._bounded, self._bounds_of = self.settings, bounds(self.settings.max_pending, self.settings.quotas)
        return self._bounds_of

    def _over_quota(self, facts: Sequence[Any], type_name: str) -> QuotaExceeded:
        refusal = quota_refused(*facts)
        if refusal.extra["quota"] == "waiting_tasks":
            refusal.extra["retry_after"] = self._queues.seconds_per_task(type_name)
        return refusal

    def _full(self, tenant: str, waiting: int, type_name: str, wanted: int) -> QueueFull:
        """There is room when as many of them have started as are too many now."""
        most = self.settings.max_pending
        if wanted > most:
            told = f"At most {most} {type_name} tasks may wait; these are {wanted}."
        else:
            told = f"{waiting} {type_name} tasks are waiting; try again later."
        after = self._admission.seconds_until_room(tenant, type_name, max(1, min(waiting, waiting + wanted - most)))
        if after is None:
            after = self._queues.seconds_per_task(type_name)
        return QueueFull(told, retry_after=after)

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


def _level(change: TaskChange) -> str:
    """As change_task.lua takes it."""
    if change.background and change.priority is not None:
        detail = "must be left out of a task in the background, which comes after every priority"
        raise InvalidInput(errors=[{"pointer": "/priority", "detail": detail}])
    if change.priority is not None:
        return str(change.priority)
    return {None: "", True: str(BACKGROUND), False: "foreground"}[change.background]


def _late(change: TaskChange, task: Task) -> InvalidInput:
    """The refusal of a time that leaves the task none to begin in."""
    pointer = "/scheduled_at" if change.delay_us is None else "/delay_seconds"
    detail = f"Must be before the task's deadline, {task.deadline}: it would be cancelled then."
    return InvalidInput(errors=[{"pointer": pointer, "detail": detail}])


def _record(media: MediaRecord) -> list[str]:
    """What the script takes of a media record, which gets the transaction's own time, as the task does."""
    record = fields(media)
    del record["created_at"]
    expires_us = from_rfc3339(media.expires_at) if media.expires_at else 0
    return [media.id, media.kind, str(expires_us), *(part for pair in record.items() for part in pair)]


def _count(checked: Sequence[Submission], type_name: str) -> int:
    return sum(each.type == type_name for each in checked)


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
