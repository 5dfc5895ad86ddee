"""How right forecasts were, and by how much wider they have to be: kept of the last 500 starts of each type."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from statistics import median

from redis import Redis

from broker.engine.connection import redis_errors
from broker.engine.keys import Keys
from broker.forecast.forecast import Interval

#: Starts that are kept.
_KEPT = 500
#: Two of ten starts are to lie outside. Each makes the next intervals wider, or narrower, by so much.
_OUTSIDE, _STEP = 0.2, 0.05
_NARROWEST, _WIDEST = 0.3, 6.0


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Of the last starts of a type that were forecast."""

    starts: int
    #: The part that began between p10 and p90; 0.8 is right.
    coverage: float
    #: Median of how far p50 was from the wait that it was, as a part of that.
    median_error: float


def error(forecast: Interval, waited: float) -> float:
    """How far p50 was from the truth, as a part of it; of waits below a second, of a second."""
    return abs(forecast.p50 - waited) / max(1.0, waited)


def widened(widen: float, inside: bool) -> float:
    """By how much intervals are widened after one more start."""
    return min(_WIDEST, max(_NARROWEST, widen * exp(_STEP * ((0 if inside else 1) - _OUTSIDE))))


class Accuracies:
    """On one Redis client with ``decode_responses=True``. Raises ``Unavailable``."""

    def __init__(self, redis: "Redis", keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    def record(self, type_name: str, forecast: Interval, waited: float) -> None:
        """A task that was to start so many seconds after its forecast has started after ``waited``."""
        inside = forecast.p10 <= waited <= forecast.p90
        widen = widened(self.widths([type_name])[type_name], inside)
        key = self._keys.forecast_scores(type_name)
        with redis_errors(), self._redis.pipeline(transaction=True) as writes:
            writes.lpush(key, f"{int(inside)} {error(forecast, waited):.4f} {widen:.4f}")
            writes.ltrim(key, 0, _KEPT - 1)
            writes.execute()

    def widths(self, types: Sequence[str]) -> dict[str, float]:
        """By how much the intervals of each type are to be widened; 1 where nothing was scored."""
        with redis_errors(), self._redis.pipeline(transaction=False) as reads:
            for name in types:
                reads.lindex(self._keys.forecast_scores(name), 0)
            newest = reads.execute()
        return {name: float(each.split()[2]) if each else 1.0 for name, each in zip(types, newest, strict=True)}

    def read(self, types: Sequence[str]) -> dict[str, Accuracy | None]:
        """Of each type, ``None`` where nothing was scored."""
        with redis_errors(), self._redis.pipeline(transaction=False) as reads:
            for name in types:
                reads.lrange(self._keys.forecast_scores(name), 0, _KEPT - 1)
            return {name: _accuracy(rows) for name, rows in zip(types, reads.execute(), strict=True)}


def _accuracy(rows: Sequence[str]) -> Accuracy | None:
    if not rows:
        return None
    scores = [row.split() for row in rows]
    inside = sum(each[0] == "1" for each in scores)
    return Accuracy(len(rows), round(inside / len(rows), 4), round(median(float(each[1]) for each in scores), 4))
