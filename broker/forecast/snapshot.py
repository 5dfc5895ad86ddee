"""What the model is told: the queues, the limits, the workers and the runs of one moment. Plain values, no Redis.

Times are seconds from the moment of the snapshot. What is held is not in it, and a tenant is known by its name.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from broker.forecast.durations import Durations


@dataclass(frozen=True, slots=True)
class Line:
    """Tasks of one tenant and group that wait in one level of a type, one behind the other.

    Tags are microseconds of work that were charged: of the tenant per unit of its weight, of the group in its tenant.
    """

    waiting: int
    tenant: str = ""
    group: str = ""
    #: ``None`` for a tenant that takes no turns, because it is at a cap.
    tag: float | None = 0.0
    group_tag: float = 0.0
    #: Whether the group takes turns with others of its tenant.
    shares: bool = False
    #: Start tags of the starts that were charged last, of all tenants and of the tenant's groups; ``None`` for none.
    turn: float | None = None
    group_turn: float | None = None


class Lines:
    """What waits in one level of a type."""

    def __init__(self, lines: Iterable[Line]) -> None:
        #: Tenant -> its lines.
        self.of: dict[str, list[Line]] = {}
        for line in lines:
            if line.waiting:
                self.of.setdefault(line.tenant, []).append(line)
        #: Tenant -> what it has waiting.
        self.counts = {tenant: sum(line.waiting for line in each) for tenant, each in self.of.items()}
        self.waiting = sum(self.counts.values())
        #: Tags of those who take turns; and (tag, tenant), the smallest first, which is a heap, too.
        self.tags = {tenant: each[0].tag for tenant, each in self.of.items() if each[0].tag is not None}
        self.order = sorted((tag, tenant) for tenant, tag in self.tags.items())
        #: Where the turn is.
        self.turn = next((each[0].turn for each in self.of.values()), None)


@dataclass(frozen=True, slots=True)
class Caps:
    """What each tenant, or group of a tenant, may have of a type at most; ``None`` for no limit."""

    tenant_concurrency: int | None = None
    group_concurrency: int | None = None
    #: Starts per 1,000 seconds.
    tenant_rate: int | None = None
    tenant_burst: int = 1

    @property
    def any(self) -> bool:
        return not (self.tenant_concurrency is None and self.group_concurrency is None and self.tenant_rate is None)


class Media(NamedTuple):
    """What is known of the one file that a task is about: how long the recording lasts, and its size."""

    seconds: float | None = None
    bytes: float | None = None


@dataclass(frozen=True, slots=True)
class TypeState:
    """One type: its limits as they are now, and what waits."""

    durations: Durations
    #: Level -> what waits in it.
    levels: Mapping[int, Lines]
    #: Starts per 1,000 seconds; ``None`` for no limit.
    rate: int | None = None
    burst: int = 1
    #: Nano-tokens in the bucket; below zero while a start that was granted ahead is still to come.
    bucket: int = 0
    concurrency: int | None = None
    paused: bool = False
    #: Seconds ago that the type was last served, where types compete.
    served: float = 1e6
    caps: Caps = Caps()
    #: Whether any of its tasks ever had a group: those of none are a group of their own since.
    grouped: bool = False
    #: Of tenants that have caps of their own.
    exceptions: Mapping[str, Caps] = field(default_factory=dict)
    #: Tenants that are at a cap.
    aside: tuple[str, ...] = ()
    #: Microseconds that a task of a tenant is charged; of '' for others.
    estimates: Mapping[str, float] = field(default_factory=dict)
    #: Nano-tokens of tenants that have not all of their burst.
    tenant_buckets: Mapping[str, int] = field(default_factory=dict)
    #: Of tenants of whom enough was measured.
    tenant_durations: Mapping[str, Durations] = field(default_factory=dict)
    #: Level -> tasks per second that come, where more are to be expected.
    arrivals: Mapping[int, float] = field(default_factory=dict)
    #: Seconds of work per second of the media file, and per byte of it, where ended runs show that it depends on that.
    per_media_second: Durations | None = None
    per_byte: Durations | None = None

    @property
    def waiting(self) -> int:
        return sum(lines.waiting for lines in self.levels.values())

    @property
    def capped(self) -> bool:
        """May some tenants have only so much of it?"""
        return self.caps.any or bool(self.exceptions)

    def caps_of(self, tenant: str) -> Caps:
        return self.exceptions.get(tenant, self.caps)

    def run_of(self, tenant: str, media: Media) -> tuple[Durations, float]:
        """How long a run takes that is about this: durations, and by what they are multiplied."""
        if media.seconds and self.per_media_second:
            return self.per_media_second, media.seconds
        if media.bytes and self.per_byte:
            return self.per_byte, media.bytes
        return self.durations_of(tenant), 1.0

    def durations_of(self, tenant: str) -> Durations:
        return self.tenant_durations.get(tenant, self.durations)


@dataclass(frozen=True, slots=True)
class WorkerGroup:
    """Worker processes that listen to the same types, and may take tasks."""

    types: frozenset[str]
    slots: int


class Charge(NamedTuple):
    """Microseconds that a run was expected to take, and to whom they were charged: its tenant, its group, or both."""

    us: float
    tenant: bool = True
    group: bool = True


@dataclass(frozen=True, slots=True)
class Run:
    """A task that is being run. ``workers`` is the index of its worker's group, ``None`` when that takes no more."""

    type: str
    age: float
    workers: int | None = None
    tenant: str = ""
    group: str = ""
    level: int = 0
    #: 0..1, of handlers that tell it.
    progress: float | None = None
    #: What it was charged at its start, if anything.
    charge: Charge | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """A scheduled task that will stand in its line from then on."""

    at: float
    type: str
    level: int = 0
    tenant: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything of one moment."""

    types: Mapping[str, TypeState]
    workers: tuple[WorkerGroup, ...]
    running: tuple[Run, ...] = ()
    #: By time.
    due: tuple[Due, ...] = ()
    #: Tenants whose weight is not 1.
    weights: Mapping[str, float] = field(default_factory=dict)

    def weight(self, tenant: str) -> float:
        return self.weights.get(tenant, 1.0)
