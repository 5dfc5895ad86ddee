"""The ledger, read: what runs have used, by tenant, type and day, and how a tenant stands with its quotas."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from msgspec import Struct
from redis import Redis

from broker.engine.connection import redis_errors
from broker.engine.keys import Keys
from broker.engine.values import number
from broker.errors import InvalidInput
from broker.status import WAITING, score_range
from broker.usage import quotas
from broker.usage.used import Row, row_of

#: By what sums may be told apart, in the order in which rows stand.
GROUPS = ("tenant", "day", "type")
#: Days for which the ledger is kept; hashes that one question may read, and of which one pipeline does.
KEPT_DAYS, MOST_READ = 400, 40_000
_AT_ONCE = 1_000
_UPLOADS, _UPLOADED = "=uploads", "=uploaded"


class Sum(NamedTuple):
    """What was used, of a group."""

    tenant: str | None
    day: str | None
    type: str | None
    row: Row


class Usage(Struct, frozen=True):
    """The answer to a question."""

    sums: list[Sum]
    total: Row
    uploads: int
    uploaded_bytes: int


class Standing(Struct, frozen=True):
    """How a tenant stands with a quota."""

    name: str
    limit: int
    used: int


class Ledger:
    """On one Redis client with ``decode_responses=True``. Raises ``Unavailable``."""

    def __init__(self, redis: "Redis", keys: Keys, defaults: Mapping[str, int]) -> None:
        """``defaults``: the quotas of a tenant for which nothing else was set."""
        self._redis = redis
        self._keys = keys
        self._defaults = defaults

    def today(self) -> date:
        """On the server's clock, in UTC."""
        with redis_errors():
            seconds, _ = self._redis.time()
        return datetime.fromtimestamp(seconds, UTC).date()

    def read(self, tenant: str | None, first: date, last: date, by: Sequence[str] = ()) -> Usage:
        """Sums over the days from ``first`` to ``last``, of one tenant or of all. Raises ``InvalidInput``."""
        with redis_errors():
            tenants = [tenant] if tenant is not None else sorted(self._redis.smembers(self._keys.tenants()))
            days = [str(first + timedelta(days=number)) for number in range((last - first).days + 1)]
            if len(tenants) * len(days) > MOST_READ:
                detail = f"{len(tenants)} tenants and {len(days)} days are too many at once: name fewer days."
                raise InvalidInput(errors=[{"pointer": "from", "detail": detail}])
            return _summed(self._rows([(name, day) for day in days for name in tenants]), by)

    def stored_bytes(self, tenant: str) -> int:
        """Bytes of the uploads that a tenant has stored."""
        with redis_errors():
            return number(self._redis.hget(self._keys.stored(), tenant))

    def standings(self, tenant: str, types: Sequence[str]) -> list[Standing]:
        """How the tenant stands with each of its quotas."""
        with redis_errors():
            own = quotas.read(self._redis.hget(self._keys.quotas(), tenant))
        limits = {name: own[name] if name in own else self._defaults.get(name) or None for name in quotas.QUOTAS}
        limits = {name: limit for name, limit in limits.items() if limit is not None}
        if not limits:
            return []
        today = self.today()
        used = self._used(tenant, types, today)
        return [Standing(name, limit, used[name]) for name, limit in limits.items() if limit is not None]

    def _used(self, tenant: str, types: Sequence[str], today: date) -> dict[str, int]:
        day, month = (self.read(tenant, first, today) for first in (today, today.replace(day=1)))
        keys = self._keys
        with redis_errors(), self._redis.pipeline(transaction=False) as reads:
            reads.get(keys.requests(tenant))
            for name in types:
                for status in WAITING:
                    reads.zcount(keys.index(tenant, name), *score_range(status))
            requests, *waiting = reads.execute()
        return {
            "requests_per_minute": number(requests),
            "uploads_per_day": day.uploads,
            "stored_bytes": self.stored_bytes(tenant),
            "waiting_tasks": sum(waiting),
            "cpu_seconds_per_day": int(day.total.cpu_seconds),
            "cpu_seconds_per_month": int(month.total.cpu_seconds),
            "media_seconds_per_day": int(day.total.media_seconds),
            "media_seconds_per_month": int(month.total.media_seconds),
        }

    def _rows(self, wanted: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str, dict[str, str]]]:
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            with self._redis.pipeline(transaction=False) as reads:
                for tenant, day in some:
                    reads.hgetall(self._keys.usage(tenant, day))
                found: list[Any] = reads.execute()
            yield from ((tenant, day, row) for (tenant, day), row in zip(some, found, strict=True) if row)


def _summed(rows: Iterator[tuple[str, str, dict[str, str]]], by: Sequence[str]) -> Usage:
    sums: dict[tuple[str | None, str | None, str | None], Row] = {}
    total, uploads, uploaded = Row(), 0, 0
    for tenant, day, fields in rows:
        uploads += number(fields.pop(_UPLOADS, ""))
        uploaded += number(fields.pop(_UPLOADED, ""))
        for type_name, text in fields.items():
            row = row_of(text)
            group = (
                tenant if "tenant" in by else None,
                day if "day" in by else None,
                type_name if "type" in by else None,
            )
            sums[group] = sums.get(group, Row()) | row
            total |= row
    ordered = sorted(sums.items(), key=lambda each: tuple(part or "" for part in each[0]))
    told = [Sum(name, day, type_name, row) for (name, day, type_name), row in ordered]
    return Usage(told if by else [], total, uploads, uploaded)
