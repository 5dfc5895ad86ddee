"""When the tasks of a snapshot begin and end: built once, then a question is a look into a dozen possible futures."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, sqrt
from statistics import NormalDist

from broker.forecast.durations import Durations
from broker.forecast.replica import Place, Replica
from broker.forecast.snapshot import Media, Snapshot

#: Of a task that is about no file, or about one that nothing is known of.
NO_MEDIA = Media()
#: Starts that each replica makes exactly, and replicas: more of either is slower and hardly better.
HORIZON, REPLICAS = 240, 12
#: The same of one that is made for a single question.
_SMALL_HORIZON, _SMALL_REPLICAS = 80, 8
#: The tenth and the ninetieth percentile of a normal distribution, in standard deviations.
_Z = 1.2816
#: Where in a normal distribution start times are taken to reckon with ends, in standard deviations.
_STEPS = tuple(NormalDist().inv_cdf((step + 0.5) / 20) for step in range(20))
_RUNS = 12


@dataclass(frozen=True, slots=True)
class Interval:
    """Seconds from the moment of the snapshot. Eight of ten lie between p10 and p90."""

    p10: float
    p50: float
    p90: float


class Forecast:
    """``widen``: by how much wider than the model thinks its intervals of a type have to be; see `accuracy`."""

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        widen: Mapping[str, float] | None = None,
        horizon: int = HORIZON,
        replicas: int = REPLICAS,
        seed: int = 1,
    ) -> None:
        self.snapshot = snapshot
        self.widen = widen or {}
        rng = random.Random(seed)
        self._replicas = [Replica(snapshot, rng, horizon) for _ in range(replicas)]

    @classmethod
    def small(cls, snapshot: Snapshot, widen: Mapping[str, float] | None = None) -> "Forecast":
        """A cheaper one, for a single question."""
        return cls(snapshot, widen=widen, horizon=_SMALL_HORIZON, replicas=_SMALL_REPLICAS)

    def start(self, place: Place, not_before: float = 0.0) -> Interval | None:
        """When a waiting task begins; ``None`` when it never does while things stay as they are.

        ``not_before``: seconds until a scheduled task is due.
        """
        samples = [replica.start(place) for replica in self._replicas]
        ends = sorted([max(each.at, not_before) for each in samples if each.at < inf])
        if 2 * len(ends) <= len(samples):
            return None
        if all([each.in_front for each in samples]):
            found = self._from_front(place, ends)
        else:
            found = self._from_flow(place, ends, sum([each.luck for each in samples]) / len(samples))
        return Interval(max(not_before, found.p10), found.p50, found.p90)

    def _from_front(self, place: Place, ends: list[float]) -> Interval:
        last = len(ends) - 1
        low, middle, high = ends[round(0.08 * last)], ends[len(ends) // 2], ends[round(0.92 * last)]
        pad, widen = 0.05 * (high - low) + 0.02 * middle + 1e-3, self.widen.get(place.type, 1.0)
        return Interval(max(0.0, middle - widen * (middle - low + pad)), middle, middle + widen * (high - middle + pad))

    def _from_flow(self, place: Place, ends: list[float], luck: float) -> Interval:
        count, state = len(ends), self.snapshot.types[place.type]
        middle = sum(ends) / count
        variance = sum((at - middle) ** 2 for at in ends) / max(1, count - 1) * (1 + 1 / count) + luck
        # Starts come one by one, not as a flow.
        slots = sum(group.slots for group in self.snapshot.workers if place.type in group.types)
        grain = min(state.durations.mean / max(1, slots), 1000 / state.rate if state.rate else inf)
        middle = (ends[(count - 1) // 2] + ends[count // 2]) / 2
        half = _Z * self.widen.get(place.type, 1.0) * sqrt(variance + (0.7 * grain) ** 2 + (0.02 * middle) ** 2) + 1e-3
        return Interval(max(0.0, middle - half), middle, middle + half)

    def finish(self, place: Place, media: Media = NO_MEDIA, not_before: float = 0.0) -> Interval | None:
        """When its run ends."""
        start = self.start(place, not_before)
        return start and after(start, *self.snapshot.types[place.type].run_of(place.tenant, media))

    def work(self, place: Place, media: Media = NO_MEDIA) -> Interval:
        """Seconds for which its run keeps a worker."""
        durations, unit = self.snapshot.types[place.type].run_of(place.tenant, media)
        return Interval(*(durations.quantile(part) * unit for part in (0.1, 0.5, 0.9)))


def after(start: Interval, durations: Durations, unit: float = 1.0) -> Interval:
    """When a run ends that begins in the interval and takes so many times ``unit`` seconds."""
    runs = [durations.quantile((run + 0.5) / _RUNS) * unit for run in range(_RUNS)]
    ends = []
    for z in _STEPS:
        at = max(0.0, start.p50 + z / _Z * (start.p90 - start.p50 if z > 0 else start.p50 - start.p10))
        ends += [at + run for run in runs]
    ends.sort()
    last = len(ends) - 1
    # Few steps cut the tails off: a run that takes no time would end in a narrower interval than it begins in.
    return Interval(
        max(start.p10, ends[round(0.1 * last)]),
        max(start.p50, ends[round(0.5 * last)]),
        max(start.p90, ends[round(0.9 * last)]),
    )
