"""Operations: cancel, retry or delete all tasks of a tenant that fit a filter, or transcode its videos again.

Whoever asks for one does its first steps, so that small ones are over with the answer; the daemon goes on. Each step is
one script that notes how far it has come, so it does not matter who dies when: the next step goes on, and acts on no
task twice.
"""

import json
import logging
import time
import uuid
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from msgspec import Struct, convert
from msgspec.structs import asdict
from redis import Redis

from broker import task_log
from broker.actor import Actor, argument
from broker.engine.connection import redis_errors
from broker.engine.scripts import Script
from broker.engine.transitions import Acted, Transitions
from broker.errors import InvalidInput, NotFound, TooManyOperations, Unavailable
from broker.media import paths
from broker.media.mentions import named_ids
from broker.media.records import INFO
from broker.media.storage import Storage
from broker.operations.reprocessing_steps import HowAgain, ReprocessingSteps, Videos
from broker.plugin import NOTE
from broker.status import TERMINAL, WAITING, Status
from broker.tasks.task_filters import Wanted
from broker.trace import current

log = logging.getLogger(__name__)

#: Operations of a tenant that may run at once.
MOST_OPEN = 10
#: Ids that a filter may name: a step looks at all of them.
MAX_IDS = 500
#: Tasks that one script acts on, and those that it deletes: to free what a few are made of can take as long.
_BATCH, _DELETED = 25, 5
#: Seconds that who asks for an operation waits for it; the daemon does the rest.
_PATIENCE = 0.5
_NOTE = f"{INFO}{NOTE}"
_COUNTS = ("candidates", "examined", "matched", "done", "skipped", "failed")


class Action(StrEnum):
    """What is done to tasks, and the one thing that is done to videos."""

    CANCEL = "cancel"
    RETRY = "retry"
    DELETE = "delete"
    REPROCESS = "reprocess"


_LOGGED = {
    Action.CANCEL: "cancelled while {}",
    Action.RETRY: "retried by its tenant",
    Action.DELETE: "deleted by its tenant",
}


def statuses_for(action: Action, *, force: bool) -> frozenset[Status]:
    """Those in which a task can be acted on."""
    if action is Action.CANCEL:
        return WAITING | {Status.PROCESSING} if force else WAITING
    return frozenset({Status.FAILED}) if action is Action.RETRY else TERMINAL


class Operation(Struct, frozen=True):
    """How one stands. Times are RFC 3339 UTC text."""

    id: str
    action: Action
    #: As it was asked for.
    filter: dict[str, Any]
    force: bool
    #: Whether it only counts: ``done`` are then those that would be acted on.
    dry_run: bool
    #: ``running``, ``completed`` or ``cancelled``.
    status: str
    created_at: str
    ended_at: str | None
    #: What the tasks are given that it makes, where it makes any.
    how: HowAgain | None
    #: Why it cannot go on for now: ``queue_full`` or ``quota_exceeded``.
    waits_for: str | None
    #: How many tasks (or videos) have to be looked at, as was counted when it began, and how many were.
    candidates: int
    examined: int
    #: Of those that fit: ``matched`` is the sum of the others.
    matched: int
    done: int
    skipped: int
    failed: int
    #: Why tasks were skipped or failed -> how many: a status, ``retries_exhausted``, or what the store said.
    reasons: dict[str, int]


class Operations:
    """On one Redis client with ``decode_responses=True``. All raise ``Unavailable``."""

    def __init__(
        self,
        redis: "Redis",
        store: Transitions,
        storage: Callable[[], Storage],
        reprocessing: ReprocessingSteps,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis = redis
        self._store = store
        self._storage = storage
        self._reprocessing = reprocessing
        self._clock = clock
        self._create = Script("create_operation")
        self._cancel = Script("cancel_operation")

    def create(  # noqa: PLR0913  (each is a part of it)
        self,
        tenant: str,
        action: Action,
        wanted: Wanted,
        asked: dict[str, Any],
        *,
        force: bool = False,
        dry_run: bool = False,
        by: Actor | None = None,
        seed: uuid.UUID | None = None,
    ) -> Operation:
        """Begins one, under the id ``seed`` if there is one; ``asked`` is the filter as it is shown.

        Raises ``InvalidInput``, ``TooManyOperations``.
        """
        possible = statuses_for(action, force=force)
        if impossible := sorted(set(wanted.statuses) - possible):
            detail = f"{action} acts on {', '.join(sorted(possible))} tasks{_hint(action, impossible)}"
            raise InvalidInput(errors=[{"pointer": "/filter/status", "detail": detail}])
        if len(wanted.ids) > MAX_IDS:
            raise InvalidInput(errors=[{"pointer": "/filter/ids", "detail": f"must be at most {MAX_IDS}"}])
        within = wanted.statuses or tuple(each for each in Status if each in possible)
        # The newest of those that wait stand last in their queues, from where they can be taken at once.
        script_filter = wanted.within(within).script_argument(up=action is not Action.CANCEL)
        return self._begin(tenant, action, script_filter, asked, force=force, dry_run=dry_run, by=by, seed=seed)

    def reprocess(
        self,
        tenant: str,
        videos: Videos,
        asked: dict[str, Any],
        how: HowAgain,
        *,
        dry_run: bool = False,
        by: Actor | None = None,
        seed: uuid.UUID | None = None,
    ) -> Operation:
        """Begins one that transcodes videos again; otherwise as ``create``."""
        self._reprocessing.check(how)
        script_filter = videos.script_argument()
        return self._begin(tenant, Action.REPROCESS, script_filter, asked, how, dry_run=dry_run, by=by, seed=seed)

    def _begin(  # noqa: PLR0913  (each is a part of it)
        self,
        tenant: str,
        action: Action,
        script_filter: str,
        asked: dict[str, Any],
        how: HowAgain | None = None,
        *,
        force: bool = False,
        dry_run: bool,
        by: Actor | None,
        seed: uuid.UUID | None,
    ) -> Operation:
        operation_id = str(seed or uuid.uuid4())
        with redis_errors():
            made = self._create(
                self._store.redis,
                prefix=self._store.keys.prefix,
                id=operation_id,
                tenant=tenant,
                action=action,
                filter=script_filter,
                asked=json.dumps(asked),
                force=int(force),
                dry_run=int(dry_run),
                most=MOST_OPEN,
                actor=argument(by),
                how=json.dumps(asdict(how)) if how else "",
                trace=current().text(),
            )
        if made < 0:
            raise TooManyOperations(f"{MOST_OPEN} operations are running; wait for one, or cancel one.", retry_after=5)
        end = self._clock() + _PATIENCE
        while self.step(operation_id) and self._clock() < end:
            pass
        return self.get(tenant, operation_id)

    def step(self, operation_id: str) -> bool:
        """Goes on with one for some milliseconds; whether something is left to do."""
        with redis_errors():
            fields = self._redis.hgetall(self._store.keys.operation(operation_id))
            action = fields.get("action")
            if action == Action.REPROCESS:
                return self._reprocessing.step(operation_id, fields)
            limit = _DELETED if action == Action.DELETE else _BATCH
            state, tenant, action, acted = self._store.step_operation(operation_id, limit=limit, note=_NOTE)
        for each in acted:
            words = _LOGGED[Action(action)].format(each.status)
            task_log.tell(words, task=each.id, type=each.type, tenant=tenant, operation=operation_id)
            if each.plugin:
                self._remove_files(tenant, each)
        return state == "running"

    def open(self) -> list[str]:
        """Ids of those that have something to do, of all tenants, the oldest first."""
        keys = self._store.keys
        with redis_errors():
            return [
                each
                for key in (keys.operations_open(), keys.reprocessings_open())
                for each in self._redis.zrange(key, 0, -1)
            ]

    def get(self, tenant: str, operation_id: str) -> Operation:
        """One of the tenant's. Raises ``NotFound``."""
        with redis_errors():
            fields = self._redis.hgetall(self._store.keys.operation(operation_id))
        if not fields or fields["tenant"] != tenant:
            raise NotFound("There is no operation with this id.")
        return _operation(operation_id, fields)

    def page(self, tenant: str, *, limit: int, offset: int) -> tuple[list[Operation], int]:
        """The tenant's, newest first, and how many there are; the last 1,000 are kept."""
        keys = self._store.keys
        with redis_errors():
            ids = self._redis.zrevrange(keys.operations(tenant), offset, offset + limit - 1)
            total = self._redis.zcard(keys.operations(tenant))
            with self._redis.pipeline(transaction=False) as reads:
                for each in ids:
                    reads.hgetall(keys.operation(each))
                found = reads.execute()
        return [_operation(each, fields) for each, fields in zip(ids, found, strict=True) if fields], total

    def cancel(self, tenant: str, operation_id: str) -> Operation:
        """Ends one; what it has done stays done. One that has ended stays as it is. Raises ``NotFound``."""
        with redis_errors():
            if not self._cancel(self._store.redis, prefix=self._store.keys.prefix, id=operation_id, tenant=tenant):
                raise NotFound("There is no operation with this id.")
        return self.get(tenant, operation_id)

    def _remove_files(self, tenant: str, deleted: Acted) -> None:
        ids = named_ids({"media_id": deleted.media_id})
        try:
            if ids:
                self._storage().delete(paths.plugin_file(tenant, ids[0], deleted.plugin, deleted.id))
        except Unavailable as error:
            log.info("files of task %s are left to the daemon: %s", deleted.id, error)


def _hint(action: Action, impossible: list[Status]) -> str:
    forced = action is Action.CANCEL and impossible == [Status.PROCESSING]
    return "; with force also on processing ones" if forced else ""


def _operation(operation_id: str, fields: dict[str, str]) -> Operation:
    counts = {name: int(fields.get(name, 0)) for name in _COUNTS}
    return Operation(
        id=operation_id,
        action=Action(fields["action"]),
        filter=json.loads(fields["asked"]),
        force=fields["force"] == "1",
        dry_run=fields["dry_run"] == "1",
        status=fields["state"],
        created_at=fields["created_at"],
        ended_at=fields.get("ended_at"),
        how=convert(json.loads(fields["how"]), HowAgain) if "how" in fields else None,
        waits_for=fields.get("waits_for"),
        reasons={name.removeprefix("why:"): int(count) for name, count in fields.items() if name.startswith("why:")},
        **counts,
    )
