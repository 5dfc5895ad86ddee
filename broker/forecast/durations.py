"""How long runs take, as it was measured: a sorted sample from which runs to come are drawn."""

from bisect import bisect_right
from collections.abc import Iterable
from functools import cached_property

#: Points of a sample that are kept: quantiles of a larger one.
_KEPT = 200


class Durations:
    """Seconds of runs. ``points`` is sorted and not empty; ``runs`` says how many measured runs stand behind it.

    Without a measured run, ``runs`` is 0 and ``points`` holds what was declared.
    """

    def __init__(self, points: tuple[float, ...], runs: int) -> None:
        self.points = points
        self.runs = runs

    @classmethod
    def of(cls, seconds: Iterable[float]) -> "Durations":
        """Of measured runs, at least one."""
        points = sorted(seconds)
        runs = len(points)
        if runs > _KEPT:
            points = [points[round(k * (runs - 1) / (_KEPT - 1))] for k in range(_KEPT)]
        return cls(tuple(points), runs)

    @classmethod
    def declared(cls, seconds: float) -> "Durations":
        """Of a type of which no run was measured: a guess, from half of it to twice as much."""
        return cls((seconds / 2, seconds, seconds * 2), 0)

    @cached_property
    def mean(self) -> float:
        return sum(self.points) / len(self.points)

    @cached_property
    def variance(self) -> float:
        return sum((x - self.mean) ** 2 for x in self.points) / max(1, len(self.points) - 1)

    def quantile(self, u: float) -> float:
        """The duration below which a part ``u`` (0..1) of the runs lies, straight between points."""
        position = u * (len(self.points) - 1)
        index = int(position)
        if index + 1 >= len(self.points):
            return self.points[-1]
        low = self.points[index]
        return low + (position - index) * (self.points[index + 1] - low)

    def left(self, age: float, u: float) -> float:
        """What is left of a run that has lasted ``age``: drawn from those that lasted longer."""
        longer = bisect_right(self.points, age)
        if longer >= len(self.points):  # past everything seen: the older it is, the longer it may go on
            return max(age * 0.1, 1e-3) * (0.5 + u)
        return self.points[min(len(self.points) - 1, longer + int(u * (len(self.points) - longer)))] - age
