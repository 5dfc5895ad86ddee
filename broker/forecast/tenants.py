"""How a class' starts are shared where tenants, or their groups, may have only so much of a type."""

from collections import Counter
from collections.abc import Callable
from math import inf

from broker.forecast.curve import Curve


class LineFlow:
    """One line: what waits of it, how much it gets beside others, and at most how much per second."""

    __slots__ = ("curve", "done", "most", "tenant", "waiting", "weight")

    def __init__(self, tenant: str, waiting: float, weight: float, most: float) -> None:
        self.tenant, self.waiting, self.weight, self.most = tenant, waiting, weight, most
        self.done = 0.0
        self.curve = Curve()


class TenantFlow:
    """The lines of one class, by (tenant, group). What a tenant may have at most is shared by its groups."""

    def __init__(self, lines: dict[tuple[str, str], LineFlow], tenant_most: Callable[[str], float]) -> None:
        self.lines = lines
        self._tenant_most = tenant_most
        self._shares: list[tuple[LineFlow, float]] = []

    def _bounds(self) -> list[tuple[LineFlow, float]]:
        """Who waits, and what it may have."""
        waiting = [each for each in self.lines.values() if each.waiting > 1e-9]
        groups = Counter(each.tenant for each in waiting)
        return [(each, min(each.most, self._tenant_most(each.tenant) / groups[each.tenant])) for each in waiting]

    def most(self) -> float:
        """Starts per second that the class cannot exceed."""
        return sum(bound for _, bound in self._bounds())

    def share(self, rate: float) -> None:
        """``rate`` among the lines from now on: by weight, but no line more than it may have."""
        # Who needs least for its weight comes to its bound first.
        growing = sorted(self._bounds(), key=lambda each: each[1] / each[0].weight)
        weight = sum(each.weight for each, _ in growing)
        self._shares = []
        for each, bound in growing:
            share = min(bound, rate * each.weight / weight) if rate > 1e-12 else 0.0
            self._shares.append((each, share))
            rate, weight = rate - share, max(1e-12, weight - each.weight)

    def add(self, tenant: str, group: str, tasks: int) -> None:
        """So many more wait."""
        self.lines[tenant, group].waiting += tasks

    def note(self, at: float, noise: float, span: float) -> None:
        """A piece of the class' curve, as pieces of its lines' curves."""
        for each, share in self._shares:
            each.curve.add(at, each.done, share, noise, span)

    def span(self) -> float:
        """Seconds until a line runs empty."""
        return min((each.waiting / share for each, share in self._shares if share > 1e-12), default=inf)

    def advance(self, span: float) -> None:
        for each, share in self._shares:
            each.done += share * span
            each.waiting = max(0.0, each.waiting - share * span)
