"""The audit log: who changed what, when, from what to what. The scripts that make a change write it in the same step.

Kept are the newest 5,000 changes of each tenant (``lua/include/audit.lua``).
"""

import heapq
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from redis import Redis

from broker.actor import Actor, argument
from broker.clock import to_rfc3339
from broker.engine.connection import redis_errors
from broker.engine.keys import Keys
from broker.engine.scripts import Script

#: Whatever is changed, by the names that the scripts and callers give it.
ACTIONS = (
    *("queue.configured", "worker.drained", "key.created", "key.rotated", "key.revoked"),
    *("webhook.created", "webhook.changed", "webhook.secret_rotated", "webhook.deleted"),
    *("plugin_config.replaced", "plugin_config.deleted", "doctor.repaired"),
    *("tenant.changed", "hold.created", "hold.deleted", "media.deleted", "task.deleted"),
    *("operation.created", "operation.completed", "operation.cancelled", "failure.changed"),
)
#: Redis counts both in 64 bits.
_CURSOR = re.compile(r"(\d{1,18})-(\d{1,18})-(.{0,63})", re.ASCII)
#: Changes in one read of one stream.
_READ = 200
#: Changes that are looked at for one page, which takes a tenth of a second or two.
MOST_READ = 20_000


@dataclass(frozen=True, slots=True)
class Change:
    """One change. ``actor`` and ``tenant`` as in ``broker.actor``; ``before`` and ``after`` have no secrets."""

    #: Its place in the log, which is in the order of time; a page goes on after it.
    id: str
    at: str
    actor: str
    tenant: str | None
    request_id: str | None
    action: str
    #: What was changed: the name of a queue or plugin, the id of whatever has one.
    subject: str
    before: Any
    after: Any


class Wanted(NamedTuple):
    """Which changes are asked for; what is empty does not matter.

    A ``tenant`` of ``""`` is the command line. ``since_us`` is in microseconds since the epoch.
    """

    actor: str = ""
    action: str = ""
    tenant: str | None = None
    since_us: int | None = None


class _Place(NamedTuple):
    """Where a change stands: streams of two tenants may name two changes alike."""

    ms: int
    number: int
    tenant: str


class AuditLog:
    """On one Redis client with ``decode_responses=True``. All raise ``Unavailable``."""

    def __init__(self, redis: "Redis", keys: Keys) -> None:
        self._redis = redis
        self._keys = keys
        self._note = Script("note_audit")

    def note(self, actor: Actor, action: str, subject: str, before: Any = None, after: Any = None) -> None:
        """Notes a change that no script has made, right after it; ``before`` and ``after`` are JSON values."""
        shown = {
            name: "" if value is None else json.dumps(value) for name, value in (("before", before), ("after", after))
        }
        with redis_errors():
            self._note(
                self._redis,
                prefix=self._keys.prefix,
                actor=argument(actor),
                action=action,
                subject=subject,
                **shown,
            )

    def page(self, wanted: Wanted, *, limit: int, cursor: str = "") -> tuple[list[Change], str | None]:
        """Changes, newest first, and the cursor of the next page if there is one.

        After so many changes that are not wanted a page ends early. ``cursor`` is what was answered before; raises
        ``ValueError`` for what is no such thing.
        """
        found: list[Change] = []
        with redis_errors():
            for number, (place, fields) in enumerate(self._all(wanted, _place(cursor) if cursor else None), 1):
                if _is_wanted(fields, wanted):
                    if len(found) == limit:
                        return found, found[-1].id
                    found.append(_change(place, fields))
                if number == MOST_READ:
                    return found, _name(place)
        return found, None

    def _all(self, wanted: Wanted, before: _Place | None) -> Iterator[tuple[_Place, dict[str, str]]]:
        tenants = self._redis.smembers(self._keys.audit_logs()) if wanted.tenant is None else [wanted.tenant]
        streams = [self._stream(each, _since_us(wanted) // 1000, before) for each in tenants]
        return heapq.merge(*streams, key=lambda each: each[0], reverse=True)

    def _stream(self, tenant: str, since_ms: int, before: _Place | None) -> Iterator[tuple[_Place, dict[str, str]]]:
        """One tenant's changes before that place, newest first, read as they are asked for."""
        newest = f"{before.ms}-{before.number}" if before else "+"
        while entries := self._redis.xrevrange(self._keys.audit_log(tenant), newest, str(since_ms), count=_READ):
            for entry, fields in entries:
                ms, number = map(int, entry.split("-"))
                place = _Place(ms, number, tenant)
                if before is None or place < before:
                    yield place, fields
            newest = f"({entries[-1][0]}"


def _is_wanted(fields: dict[str, str], wanted: Wanted) -> bool:
    """Whether the filters let it through; the actor is looked for before its JSON is read, which takes longer."""
    if wanted.action not in ("", fields["action"]) or fields["at"] < to_rfc3339(_since_us(wanted)):
        return False
    return not wanted.actor or (wanted.actor in fields["actor"] and json.loads(fields["actor"])["name"] == wanted.actor)


def _since_us(wanted: Wanted) -> int:
    return max(0, wanted.since_us or 0)


def _name(place: _Place) -> str:
    return f"{place.ms}-{place.number}-{place.tenant}"


def _change(place: _Place, fields: dict[str, str]) -> Change:
    by = json.loads(fields["actor"])
    return Change(
        id=_name(place),
        at=fields["at"],
        actor=by["name"],
        tenant=by["tenant"] or None,
        request_id=by["request_id"] or None,
        action=fields["action"],
        subject=fields["subject"],
        before=json.loads(fields["before"] or "null"),
        after=json.loads(fields["after"] or "null"),
    )


def check_cursor(text: str) -> None:
    """Raises ``ValueError`` for what is no cursor."""
    _place(text)


def _place(cursor: str) -> _Place:
    found = _CURSOR.fullmatch(cursor)
    if not found:
        raise ValueError(cursor)
    return _Place(int(found[1]), int(found[2]), found[3])
