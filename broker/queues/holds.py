"""Holds: what an operator puts aside, by type, tenant, group, tag or media file, until it is let go.

A hold is in force with the next claim. What waits already is moved out of its line step by step, by whoever makes or
ends the hold for a moment, and then by the daemon, so that neither holds up anybody.
"""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct
from redis import Redis

from broker.clock import to_rfc3339
from broker.engine.connection import redis_errors
from broker.engine.transitions import Transitions
from broker.errors import InvalidInput, NotFound
from broker.task_type import TaskTypes

#: What a hold may say of the tasks that it fits.
FITS = ("type", "tenant", "group", "tag", "media_id")
#: Holds at once: each claim looks at all of them.
MOST = 100
#: Tasks of one script.
_STEP = 100
#: Seconds that a caller waits for its hold to be carried out; the daemon does the rest.
_PATIENCE = 1.0


class Hold(Struct, frozen=True):
    """One hold. ``held`` tasks wait outside their lines; until it is ``settled``, more that fit wait in theirs."""

    id: str
    reason: str
    created_at: str
    held: int
    settled: bool
    type: str | None = None
    tenant: str | None = None
    group: str | None = None
    tag: str | None = None
    media_id: str | None = None


class Holds:
    """On one Redis client with ``decode_responses=True``."""

    def __init__(
        self,
        redis: "Redis",
        store: Transitions,
        types: TaskTypes,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis = redis
        self._store = store
        self._types = types
        self._clock = clock

    def create(self, fits: dict[str, str], reason: str, seed: uuid.UUID | None = None) -> Hold:
        """Puts aside what fits all of ``fits``, of which there must be one, under the id ``seed`` if there is one.

        Raises ``InvalidInput``.
        """
        if not fits:
            raise InvalidInput(errors=[{"pointer": "", "detail": f"must name one of {', '.join(FITS)}"}])
        with redis_errors():
            if self._redis.hlen(self._store.keys.holds()) >= MOST:
                raise InvalidInput(errors=[{"pointer": "", "detail": f"there are {MOST} holds: let one go first"}])
            seconds, micros = self._redis.time()
            record = fits | {"reason": reason, "created_at": to_rfc3339(seconds * 1_000_000 + micros)}
            hold_id = str(seed or uuid.uuid4())
            self._store.hold(hold_id, json.dumps(record))
            self._carry_on(hold_id, self._clock() + _PATIENCE)
        return self.get(hold_id)

    def list(self) -> list[Hold]:
        """All that are in force, the oldest first."""
        with redis_errors():
            records = self._records()
            with self._redis.pipeline(transaction=False) as reads:
                for hold_id in records:
                    reads.zcard(self._store.keys.held(hold_id))
                counts = reads.execute()
        holds = [_shown(each, records[each], held) for each, held in zip(records, counts, strict=True)]
        return sorted((hold for hold in holds if hold), key=lambda hold: (hold.created_at, hold.id))

    def get(self, hold_id: str) -> Hold:
        """One that is in force. Raises ``NotFound``."""
        found = [hold for hold in self.list() if hold.id == hold_id]
        if not found:
            raise NotFound("There is no hold with this id.")
        return found[0]

    def let_go(self, hold_id: str) -> None:
        """Lets what it holds go on, each task where it stood in line. Raises ``NotFound``."""
        with redis_errors():
            if self._store.let_go_hold(hold_id, _STEP) < 0:
                raise NotFound("There is no hold with this id.")
            self._carry_on(hold_id, self._clock() + _PATIENCE)

    def settle(self, seconds: float) -> bool:
        """Goes on for so long with holds that were made or let go; whether something is left to do."""
        end = self._clock() + seconds
        with redis_errors():
            unsettled = [each for each, record in self._records().items() if not record.get("settled")]
            return not all([self._carry_on(each, end) for each in unsettled])

    def _carry_on(self, hold_id: str, end: float) -> bool:
        """Moves tasks until ``end``; whether all were moved that had to be."""
        record = self._records().get(hold_id)
        if record is None:
            return True
        if record.get("lifted"):
            while (left := self._store.let_go_hold(hold_id, _STEP)) > 0:
                if self._clock() >= end:
                    return False
            return left <= 0
        for tenant, type_name in self._places(record):
            after = "-inf"
            while after:
                if self._clock() >= end:
                    return False
                after, _ = self._store.sweep_hold(hold_id, tenant, type_name, after, _STEP)
        self._store.settle_hold(hold_id)
        return True

    def _places(self, record: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Tenants and types of which tasks may fit."""
        tenants = [record["tenant"]] if record.get("tenant") else self._redis.smembers(self._store.keys.tenants())
        types = [record["type"]] if record.get("type") else self._redis.smembers(self._store.keys.types())
        return ((tenant, name) for tenant in sorted(tenants) for name in sorted(types))

    def _records(self) -> dict[str, dict[str, Any]]:
        found = {}
        for hold_id, text in self._redis.hgetall(self._store.keys.holds()).items():
            try:
                record = json.loads(text)
            except ValueError:
                continue
            if isinstance(record, dict):
                found[hold_id] = record
        return found


def _shown(hold_id: str, record: dict[str, Any], held: int) -> Hold | None:
    """``None`` for one that was let go, which ends as soon as it holds nothing."""
    if record.get("lifted"):
        return None
    fits = {name: record.get(name) for name in FITS}
    reason, created_at = str(record.get("reason", "")), str(record.get("created_at", ""))
    return Hold(hold_id, reason, created_at, held, bool(record.get("settled")), **fits)
