"""The face of the broker: what gateway, command line and tests call. Everything behind it speaks Redis."""

import math
import threading
import uuid
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import cached_property, partial
from typing import Any, Concatenate, ParamSpec, TypeVar

from broker.config import BrokerSettings
from broker.engine.connection import connect, redis_errors
from broker.engine.keys import Keys
from broker.engine.script_connection import Lines
from broker.errors import NotCancellable, NotFailed, NotFound, QueueFull, RetriesExhausted, Unavailable
from broker.event import Event
from broker.live.live import Live
from broker.media.open_storage import open_storage
from broker.media.records import MediaRecord, MediaStore, fields
from broker.media.search import SearchBus
from broker.media.storage import Storage
from broker.media.vectors import RedisVectors, VectorStore
from broker.plugins.configs import PluginConfigs
from broker.plugins.cooldowns import Holds
from broker.queues import limits
from broker.queues.limits import KEEP
from broker.queues.state import QueueStates
from broker.queues.workers import Worker, WorkerStates
from broker.status import TERMINAL, Status
from broker.task import NewTask, Page, Queue, Stats, Task
from broker.task_type import TaskTypes
from broker.tasks.idempotency import Idempotency
from broker.tasks.queries import Queries
from broker.tasks.store import Store
from broker.tasks.submission import MISSING, Submission, canonical_id, fields_of, new_id, new_ids, prepare, prepare_all
from broker.webhooks.endpoints import Webhooks

_CANCELLED_NOW = ("pending", "scheduled", "cancelled")
P = ParamSpec("P")
T = TypeVar("T")


class Broker:
    """Tasks, queues and media of all tenants. Raises only the errors of ``broker.errors``."""

    def __init__(self, settings: BrokerSettings, types: TaskTypes) -> None:
        self.settings = settings
        self.types = types
        self.keys = Keys(settings.key_prefix)
        self.redis = connect(settings.redis_url)
        self.store = Store(Lines(self.redis), self.keys)
        self._queries = Queries(self.redis, self.keys)
        self._queues = QueueStates(self.redis, self.keys)
        self._workers = WorkerStates(self.redis, self.keys)

    @classmethod
    def connect(cls, settings: BrokerSettings, types: TaskTypes) -> "Broker":
        """A broker whose task types are known to every process from now on. Raises ``Unavailable``."""
        broker = cls(settings, types)
        broker.declare_types()
        return broker

    def declare_types(self) -> None:
        """Makes the types known, with the defaults of their queues; may be repeated."""
        with redis_errors():
            for each in self.types.values():
                self.store.declare(
                    each.name,
                    limits.rate_argument(each.rate),
                    limits.burst_argument(each.burst),
                    limits.concurrency_argument(each.concurrency),
                )

    def ping(self) -> None:
        """Raises ``Unavailable`` unless Redis answers."""
        with redis_errors():
            self.redis.ping()

    # tasks ------------------------------------------------------------------------------------------------------

    def submit(self, tenant: str, new: NewTask, media: MediaRecord | None = None) -> tuple[Task, bool]:
        """Accepts a task and, in the same transaction, the record of the media it is about.

        Returns the task and whether it was created now; it was not when its id, or its unique key, was there before.
        Raises ``InvalidInput``, ``QueueFull``, ``Unavailable``.
        """
        submission = prepare(self.types, new)
        task_id = submission.id or new_id()
        answer = self._durably(
            Store.submit,
            task_id,
            tenant,
            submission.payload_json,
            submission.terms,
            self.settings.max_pending,
            _record(media) if media else (),
        )
        if isinstance(answer, int):
            return submission.task(task_id, tenant, answer), True
        code, holder, *_ = answer
        if code < 0:
            raise self._full(holder, new.type)
        # A client repeats the script when its reply was lost: what it finds then under a new id is what it created.
        return self._found(tenant, [holder])[holder], submission.id is None and holder == task_id

    def check(self, new: NewTask) -> Submission:
        """A new task, found valid. Raises ``InvalidInput``."""
        return prepare(self.types, new)

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
        code, first, *more = self._durably(Store.submit_many, tenant, flat, most)
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

    def wait(self, tenant: str, task_id: str, seconds: float) -> Task:
        """One task, as soon as its status is another than now, or after so long; at once when it has ended.

        Raises ``NotFound``, ``Unavailable``. It answers early when this process stops listening.
        """
        task = self.get(tenant, task_id)
        if task.status in TERMINAL:
            return task
        try:
            subscription = self.live.subscribe(tenant, task.id)
        except Unavailable:
            if self.live.stopping:
                return task
            raise
        with closing(subscription):
            changed = threading.Event()
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
            return self._queries.stats(tenant, sorted(self.types))

    def cancel(self, tenant: str, task_id: str, force: bool = False) -> Task:
        """Ends a waiting task, with ``force`` also a running one. Raises ``NotFound``, ``NotCancellable``."""
        task_id = canonical_id(task_id)
        with redis_errors():
            found = self.store.cancel(task_id, tenant, force=force)
        if found == "missing":
            raise NotFound(MISSING)
        if found not in _CANCELLED_NOW and not (force and found == Status.PROCESSING):
            raise NotCancellable(
                f"This task is {found}; only pending and scheduled tasks can be cancelled.", current_status=found
            )
        return self.get(tenant, task_id)

    def retry(self, tenant: str, task_id: str, force: bool = False) -> Task:
        """Runs a failed task again. Raises ``NotFound``, ``NotFailed``, ``RetriesExhausted``."""
        task_id = canonical_id(task_id)
        with redis_errors():
            scheduled, found, used, allowed = self.store.retry(task_id, tenant, force=force, request=uuid.uuid4().hex)
        if scheduled:
            return self.get(tenant, task_id)
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

    # queues -----------------------------------------------------------------------------------------------------

    def queues(self) -> list[Queue]:
        """The queue of every type."""
        with redis_errors():
            return self._queues.read(sorted(self.types))

    def workers(self) -> list[Worker]:
        """All live workers."""
        with redis_errors():
            return self._workers.read()

    def configure_queue(self, type_name: str, *, rate: Any = KEEP, burst: Any = KEEP, concurrency: Any = KEEP,
                        paused: Any = KEEP, tenant: str = "") -> Queue:  # fmt: skip
        """Changes limits for every worker at once, and tells ``tenant``. Raises ``NotFound``, ``InvalidInput``."""
        if type_name not in self.types:
            raise NotFound(f"There is no task type {type_name!r}.")
        with redis_errors():
            self.store.configure(
                type_name,
                rate=limits.rate_argument(rate),
                burst=limits.burst_argument(burst),
                concurrency=limits.concurrency_argument(concurrency),
                paused=limits.paused_argument(paused),
                tenant=tenant,
            )
            return self._queues.read([type_name])[0]

    @cached_property
    def live(self) -> Live:
        return Live(self.settings.redis_url, self.keys)

    @cached_property
    def idempotency(self) -> Idempotency:
        return Idempotency(self.redis, self.keys)

    # media and search -------------------------------------------------------------------------------------------

    @cached_property
    def media(self) -> MediaStore:
        return MediaStore(self.redis, self.keys)

    @cached_property
    def storage(self) -> Storage:
        return open_storage(self.settings.storage_url, self.settings.data_dir)

    @cached_property
    def vectors(self) -> VectorStore:
        return RedisVectors(connect(self.settings.redis_url, decode_responses=False), self.keys)

    @cached_property
    def plugin_configs(self) -> PluginConfigs:
        return PluginConfigs(self.redis, self.keys, self.settings.secret_key)

    @cached_property
    def holds(self) -> Holds:
        return Holds(self.redis, self.keys)

    @cached_property
    def search(self) -> SearchBus:
        return SearchBus(self.redis, self.keys)

    @cached_property
    def webhooks(self) -> Webhooks:
        return Webhooks(self.redis, self.keys, allow_private=self.settings.webhooks_allow_private)

    # ------------------------------------------------------------------------------------------------------------

    def _found(self, tenant: str, task_ids: Sequence[str]) -> dict[str, Task]:
        """Tasks that a script has found, by id. Raises ``Unavailable`` when they are gone by now."""
        found = self.get_many(tenant, task_ids)
        if not found.keys() >= set(task_ids):  # the server has restarted in between and has forgotten its last moments
            raise Unavailable("The task was not kept; repeat the request.", retry_after=2)
        return found

    def _full(self, waiting: int, type_name: str) -> QueueFull:
        with redis_errors():
            after = self._drain_time(type_name)
        return QueueFull(f"{waiting} {type_name} tasks are waiting; try again later.", retry_after=after)

    def _drain_time(self, type_name: str) -> int:
        """Seconds until a place is likely to be free: one over what the queue gets through, at most an hour."""
        throughput = self._queues.read([type_name])[0].throughput
        return min(3600, math.ceil(1 / throughput)) if throughput else 60

    def _durably(self, submit: Callable[Concatenate[Store, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What ``submit`` of the store returns, once Redis has it as the settings demand."""
        with redis_errors():
            if self.settings.durability != "fsync":
                return submit(self.store, *args, **kwargs)
            with self.redis.client() as connection:  # WAITAOF waits for what its own connection wrote
                answer = submit(self.store.on(connection), *args, **kwargs)
                on_disk, _ = connection.execute_command("WAITAOF", 1, 0, 4000)
        if not on_disk:
            raise Unavailable("The task is not on disk yet; repeat the request to make sure.", retry_after=2)
        return answer


def _record(media: MediaRecord) -> list[str]:
    """What the script takes of a media record, which gets the transaction's own time, as the task does."""
    record = fields(media)
    del record["created_at"]
    return [media.id, media.kind, *(part for pair in record.items() for part in pair)]


def _set_on_news(changed: threading.Event, events: list[Event]) -> None:
    """When a task may have another status than before."""
    if any(event.kind != "progress" for event in events):
        changed.set()
