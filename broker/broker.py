"""The face of the broker: what gateway, command line and tests call. Everything behind it speaks Redis."""

import json
import math
import threading
import uuid
from collections.abc import Sequence
from contextlib import closing
from functools import cached_property, partial
from typing import Any

from broker import limits
from broker.clock import from_rfc3339
from broker.config import BrokerSettings
from broker.connection import connect, redis_errors
from broker.errors import InvalidInput, NotCancellable, NotFailed, NotFound, QueueFull, RetriesExhausted, Unavailable
from broker.event import Event
from broker.idempotency import Idempotency
from broker.keys import Keys
from broker.limits import KEEP
from broker.live import Live
from broker.media.open_storage import open_storage
from broker.media.records import MediaRecord, MediaStore, fields
from broker.media.storage import Storage
from broker.media.vectors import RedisVectors, VectorStore
from broker.queries import Queries
from broker.queue_state import QueueStates
from broker.rq_records import queue_name
from broker.search import SearchBus
from broker.status import TERMINAL, Status
from broker.store import Store
from broker.task import NewTask, Page, Queue, Stats, Task
from broker.task_type import MAX_PRIORITY, MAX_RETRIES, MAX_TIMEOUT, TaskTypes

_CANCELLED_NOW = ("pending", "scheduled", "cancelled")
_MISSING = "There is no task with this id."


class Broker:
    """Tasks, queues and media of all tenants. Raises only the errors of ``broker.errors``."""

    def __init__(self, settings: BrokerSettings, types: TaskTypes) -> None:
        self.settings = settings
        self.types = types
        self.keys = Keys(settings.key_prefix)
        self.redis = connect(settings.redis_url)
        self.store = Store(self.redis, self.keys)
        self._queries = Queries(self.redis, self.keys)
        self._queues = QueueStates(self.redis, self.keys)

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
        arguments = self._submission(tenant, new)
        if media is not None:
            record = fields(media)
            del record["created_at"]  # the transaction's own time, as the task's
            arguments |= {
                "media_id": media.id,
                "media_kind": media.kind,
                "media_fields": [part for pair in record.items() for part in pair],
            }
        with redis_errors():
            code, answer = self._submit(arguments)
            if code < 0:
                raise QueueFull(
                    f"{answer} {new.type} tasks are waiting; try again later.", retry_after=self._drain_time(new.type)
                )
        # A client repeats the script when its reply was lost: what it finds then under a new id is what it created.
        created = code == 1 or (new.id is None and answer == arguments["id"])
        try:
            return self.get(tenant, answer), created
        except NotFound:  # the server has restarted in between and has forgotten its last moments
            raise Unavailable("The task was not kept; repeat the request.", retry_after=2) from None

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
        with closing(self.live.subscribe(tenant, task.id)) as subscription:
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
            raise NotFound(_MISSING)
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
            raise NotFound(_MISSING)
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
    def search(self) -> SearchBus:
        return SearchBus(self.redis, self.keys)

    # ------------------------------------------------------------------------------------------------------------

    def _submission(self, tenant: str, new: NewTask) -> dict[str, Any]:
        task_type = self.types.get(new.type)
        if task_type is None:
            known = ", ".join(sorted(self.types))
            raise InvalidInput(
                f"There is no task type {new.type!r}; known are {known}.",
                errors=[{"pointer": "/type", "detail": f"must be one of {known}"}],
            )
        payload = task_type.check_payload(new.payload)
        priority = _within("priority", new.priority, task_type.priority, 0, MAX_PRIORITY)
        return {
            "id": canonical_id(new.id) if new.id else str(uuid.uuid4()),
            "tenant": tenant,
            "type": new.type,
            "queue": queue_name(new.type, priority),
            "payload": json.dumps(payload, ensure_ascii=False, separators=(",", ":")),
            "max_retries": _within("max_retries", new.max_retries, task_type.max_retries, 0, MAX_RETRIES),
            "timeout": _within("timeout_seconds", new.timeout_seconds, task_type.timeout, 1, MAX_TIMEOUT),
            "due_us": from_rfc3339(new.scheduled_at) if new.scheduled_at else 0,
            "delay_us": int((new.delay_seconds or 0) * 1_000_000),
            "unique_key": new.unique_key or "",
            "max_pending": self.settings.max_pending,
            "media_id": "",
            "media_kind": "",
        }

    def _drain_time(self, type_name: str) -> int:
        """Seconds until a place is likely to be free: one over what the queue gets through, at most an hour."""
        throughput = self._queues.read([type_name])[0].throughput
        return min(3600, math.ceil(1 / throughput)) if throughput else 60

    def _submit(self, arguments: dict[str, Any]) -> tuple[int, Any]:
        if self.settings.durability != "fsync":
            return self.store.submit(**arguments)
        with self.redis.client() as connection:  # WAITAOF waits for what its own connection wrote
            answer = self.store.on(connection).submit(**arguments)
            on_disk, _ = connection.execute_command("WAITAOF", 1, 0, 4000)
        if not on_disk:
            raise Unavailable("The task is not on disk yet; repeat the request to make sure.", retry_after=2)
        return answer


def _set_on_news(changed: threading.Event, events: list[Event]) -> None:
    """When a task may have another status than before."""
    if any(event.kind != "progress" for event in events):
        changed.set()


def canonical_id(text: str) -> str:
    """A task id as it is stored. Anything but the 36-character form of a UUID names no task: ``NotFound``."""
    try:
        canonical = str(uuid.UUID(text))
    except ValueError:
        raise NotFound(_MISSING) from None
    if canonical != text.lower():
        raise NotFound(_MISSING)
    return canonical


def _within(name: str, value: int | None, default: int, low: int, high: int) -> int:
    if value is None:
        return default
    if not low <= value <= high:
        raise InvalidInput(errors=[{"pointer": f"/{name}", "detail": f"must lie between {low} and {high}"}])
    return value
