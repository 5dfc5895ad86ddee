"""From a place in a line to a place in its level: how many of the others begin before, as their tags stand."""

from bisect import bisect_right
from collections.abc import Callable, Iterable

from broker.forecast.fair import Level


class _Merge:
    """Lines that are served in the order of their tags. A line: (tag, what a task adds to it, how many wait)."""

    def __init__(self, lines: Iterable[tuple[float, float, int]]) -> None:
        changes = sorted(
            change
            for tag, step, waiting in lines
            for change in ((tag, 1 / step, 1), (tag + waiting * step, -1 / step, -1))
        )
        self._tags, self._done, self._slopes, self._active = [], [], [], []
        done = slope = last = 0.0
        active = 0
        for tag, change, member in changes:
            done += slope * (tag - last)
            slope, active, last = slope + change, active + member, tag
            self._tags.append(tag)
            self._done.append(done)
            self._slopes.append(slope)
            self._active.append(active)

    def before(self, tag: float) -> float:
        """How many have begun when the tag of a line has come to this."""
        j = bisect_right(self._tags, tag) - 1
        if j < 0:
            return 0.0
        # A line that takes part is half a task further than its share, on average: it begins with one.
        others = max(0, self._active[j] - 1)
        return self._done[j] + self._slopes[j] * (tag - self._tags[j]) + others / 2


class Ranks:
    """Of one level, as it stands. ``cost`` tells what a task of a tenant costs that has so many, in microseconds."""

    def __init__(self, level: Level, cost: Callable[[str, int], float]) -> None:
        self._level = level
        self._waits = level.waits()
        self._cost = {tenant: cost(tenant, waiting) for tenant, waiting in self._waits.items()}
        self._groups: dict[str, _Merge] = {}
        self._tenants: _Merge | None = None
        if len(self._waits) > 1:
            self._tenants = _Merge(
                (level.tag(tenant), self._step(tenant), waiting) for tenant, waiting in self._waits.items()
            )

    def _step(self, tenant: str) -> float:
        return self._cost[tenant] / self._level.weight(tenant)

    def rank(self, tenant: str, group: str, position: float) -> float:
        """The place in the level of the task with this place (1 for the next) in its line."""
        member = self._level.member(tenant)
        if member is None or tenant not in self._waits:  # it will begin where the first of the others stands
            return position
        if len(member.queues) > 1 and (queue := member.queues.get(group)):
            step = self._cost[tenant]
            if tenant not in self._groups:
                lines = ((each.tag, step, each.waiting) for each in member.queues.values() if each.waiting)
                self._groups[tenant] = _Merge(lines)
            position = 1 + self._groups[tenant].before(queue.tag + (position - 1) * step)
        if self._tenants is None:
            return position
        return 1 + self._tenants.before(self._level.tag(tenant) + (position - 1) * self._step(tenant))
