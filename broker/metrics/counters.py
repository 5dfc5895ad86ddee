"""What the scripts have counted of tasks, since the beginning (`engine/lua/include/counts.lua`)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from redis import Redis

from broker.engine.keys import Keys
from broker.engine.scripts import Script
from broker.engine.values import number
from broker.status import ENDS

#: The upper bounds of the histograms in microseconds; counts.lua has the same.
BOUNDS_US = (
    *(5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000),
    *(10_000_000, 30_000_000, 60_000_000, 300_000_000, 900_000_000, 3_600_000_000),
)
#: Why a submission may be refused for what waits; the others are quotas.
_REFUSED, _DELIVERY = "refused ", "delivery "
_US, _MS, _KIB = 1e6, 1e3, 1024


class Histogram(NamedTuple):
    """Durations: how many are no longer than each bound, in seconds, the last without one; and their sum."""

    buckets: list[tuple[float, int]]
    sum: float


class TypeCounts(NamedTuple):
    """Of one type."""

    submitted: int
    ended: dict[str, int]
    #: By reason: ``queue_full`` or the name of a quota.
    refused: dict[str, int]
    retried: int
    handed_back: int
    #: Runs whose process died, and those among them whose lease ran out.
    lost: int
    leases_lost: int
    wait: Histogram
    run: Histogram
    cpu_seconds: float
    media_seconds: float
    bytes_read: int
    bytes_written: int
    #: The largest of the last day (UTC) on which one was measured; 0 for none.
    peak_memory_bytes: int


class Counts(NamedTuple):
    """Of all."""

    types: dict[str, TypeCounts]
    #: Attempts of webhooks by outcome.
    deliveries: dict[str, int]


def read(redis: "Redis", keys: Keys, types: Sequence[str]) -> Counts:
    """To the moment. ``redis`` answers text; its errors pass through."""
    flat = Script("read_counts")(redis, prefix=keys.prefix)
    found: dict[str, dict[str, str]] = {}
    for field, value in zip(flat[::2], flat[1::2], strict=True):
        type_name, _, label = field.partition(" ")
        found.setdefault(type_name, {})[label] = value
    deliveries = _beginning_with(_DELIVERY, found.pop("", {}))
    return Counts({name: _of_type(found.get(name, {})) for name in types}, deliveries)


def _of_type(counts: Mapping[str, str]) -> TypeCounts:
    def count(label: str) -> int:
        return number(counts.get(label))

    return TypeCounts(
        submitted=count("submitted"),
        ended={str(end): count(end) for end in ENDS},
        refused=_beginning_with(_REFUSED, counts),
        retried=count("retried"),
        handed_back=count("handed_back"),
        lost=count("lost"),
        leases_lost=count("lease_lost"),
        wait=_histogram("wait", counts),
        run=_histogram("run", counts),
        cpu_seconds=count("cpu") / _US,
        media_seconds=count("media") / _MS,
        bytes_read=count("read"),
        bytes_written=count("written"),
        peak_memory_bytes=number(counts.get("peak", "").partition(" ")[2]) * _KIB,
    )


def _beginning_with(prefix: str, counts: Mapping[str, str]) -> dict[str, int]:
    return {name.removeprefix(prefix): number(value) for name, value in counts.items() if name.startswith(prefix)}


def _histogram(what: str, counts: Mapping[str, str]) -> Histogram:
    buckets, so_far = [], 0
    for bound, label in [*((each / _US, f"{what} {each}") for each in BOUNDS_US), (float("inf"), f"{what} more")]:
        so_far += number(counts.get(label))
        buckets.append((bound, so_far))
    return Histogram(buckets, number(counts.get(f"{what} sum")) / _US)
