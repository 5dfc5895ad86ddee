"""How many tasks of a class have begun by when: a growing line of straight pieces."""

from bisect import bisect_left
from math import inf


class Curve:
    """Pieces follow one another. Seconds, tasks, tasks per second."""

    __slots__ = ("_at", "_done", "_luck", "_rate", "_span")

    def __init__(self) -> None:
        self._at: list[float] = []
        self._done: list[float] = []
        self._rate: list[float] = []
        self._luck: list[float] = []
        self._span: list[float] = []

    def add(self, at: float, done: float, rate: float, luck: float, span: float) -> None:
        """A piece. ``luck``: seconds of variance per second, beyond what the mean durations explain."""
        self._at.append(at)
        self._done.append(done)
        self._rate.append(rate)
        self._luck.append(luck)
        self._span.append(span)

    def when(self, k: float) -> tuple[float, float]:
        """When the k-th task begins, and the variance of that; infinity for never."""
        for j in range(max(0, bisect_left(self._done, k) - 1), len(self._at)):
            rate, span = self._rate[j], self._span[j]
            if rate > 0:
                after = max(0.0, (k - self._done[j]) / rate)
                if after <= span * (1 + 1e-9):
                    # An instant at which the piece is known to end is not made later by luck within it.
                    open_end = 1.0 if span == inf else 1 - after / span
                    return self._at[j] + after, self._luck[j] * after * max(0.0, open_end)
        return inf, 0.0
