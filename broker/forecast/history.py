"""What each type did in every ten seconds of eight days. A daemon samples it; transitions count nothing for it.

One row a type and ten seconds in which something happened, in a stream whose ids are the rows' beginnings: of several
daemons the first to write a row has written it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from broker.clock import to_rfc3339
from broker.engine.connection import redis_errors
from broker.engine.keys import Keys
from broker.status import ENDS

#: Seconds of a row, and for how long rows are kept.
STEP, KEPT = 10, 8 * 24 * 3600
#: Seconds over which arrivals are averaged.
_RECENT = 300


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Seconds."""

    p50: float
    p90: float


@dataclass(frozen=True, slots=True)
class Row:
    """Ten seconds of a type."""

    #: Seconds since the epoch.
    at: int
    started: int = 0
    #: Tasks that ended, by their end.
    ended: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(ENDS, 0))
    #: From when they could have started to the start, of tasks that started in it; a sample.
    wait: Quantiles | None = None
    #: From start to end, of tasks that completed in it; a sample.
    run: Quantiles | None = None
    #: Level -> tasks that began to wait.
    arrived: Mapping[int, int] = field(default_factory=dict)
    #: Tenant -> tasks that it submitted, of some tenants where there are many; those with the most.
    tenants: Mapping[str, int] = field(default_factory=dict)

    @property
    def begin(self) -> str:
        """RFC 3339."""
        return to_rfc3339(self.at * 1_000_000)


class History:
    """On one Redis client with ``decode_responses=True``."""

    def __init__(self, redis: "Redis", keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    def write(self, type_name: str, row: Row) -> None:
        """Keeps a row, unless there is one of its time or of a later one. Redis errors pass through."""
        try:
            self._redis.xadd(
                self._keys.history(type_name),
                _fields(row),
                id=f"{row.at * 1000}-0",
                minid=f"{(row.at - KEPT) * 1000}",
            )
        except ResponseError as error:
            if "equal or smaller" not in str(error):
                raise

    def read(self, type_name: str, since: int, until: int) -> list[Row]:
        """Rows with ``since <= at < until``, seconds since the epoch, the oldest first. Raises ``Unavailable``."""
        begin, end = (max(0, each) for each in (since * 1000, until * 1000 - 1))  # streams know nothing before 1970
        with redis_errors():
            found: Any = self._redis.xrange(self._keys.history(type_name), begin, end)
        return [_unpacked(entry, fields) for entry, fields in found]

    def now(self) -> int:
        """Seconds since the epoch on the server's clock. Raises ``Unavailable``."""
        with redis_errors():
            return int(self._redis.time()[0])

    def arrivals(self, types: Sequence[str]) -> dict[str, dict[int, float]]:
        """Tasks per second that have lately come, by type and level. Raises ``Unavailable``."""
        until = self.now()
        with redis_errors(), self._redis.pipeline(transaction=False) as reads:
            for name in types:
                reads.xrange(self._keys.history(name), (until - _RECENT - STEP) * 1000, "+")
            found = reads.execute()
        return {name: _rates([_unpacked(*each) for each in rows]) for name, rows in zip(types, found, strict=True)}


def _rates(rows: Sequence[Row]) -> dict[int, float]:
    counts: dict[int, int] = {}
    for row in rows:
        for level, count in row.arrived.items():
            counts[level] = counts.get(level, 0) + count
    return {level: count / _RECENT for level, count in counts.items() if count}


def _fields(row: Row) -> Any:
    quantiles = [[each.p50, each.p90] if each else None for each in (row.wait, row.run)]
    packed = [row.started, *(row.ended[end] for end in ENDS), *quantiles, dict(row.arrived)]
    told = {"row": packed, "tenants": dict(row.tenants)} if row.tenants else {"row": packed}
    return {name: json.dumps(value, separators=(",", ":")) for name, value in told.items()}


def _unpacked(entry: str, fields: dict[str, str]) -> Row:
    started, *counts, wait, run, arrived = json.loads(fields["row"])
    return Row(
        int(entry.partition("-")[0]) // 1000,
        started,
        # Those of an earlier release may know fewer ends.
        dict.fromkeys(map(str, ENDS), 0) | dict(zip(map(str, ENDS), counts, strict=False)),
        Quantiles(*wait) if wait else None,
        Quantiles(*run) if run else None,
        {int(level): count for level, count in arrived.items()},
        json.loads(fields.get("tenants", "{}")),
    )
