"""Finds the constant rate in which every picture of a source has a place of its own.

Pure arithmetic; rates are per second.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import ceil, floor

#: Rates that sources mean, also when their timestamps are rounded.
_STANDARD_RATES = (
    *map(Fraction, (10, 12, 12.5, 15, 20)),
    *(Fraction(24_000, 1001), Fraction(24), Fraction(25), Fraction(30_000, 1001), Fraction(30)),
    *(Fraction(48), Fraction(50), Fraction(60_000, 1001), Fraction(60)),
)
#: How far apart, relatively, rates may be that mean the same.
_SAME = 0.005
#: An unsteady source gets the next rate at or above this part of its typical one.
_NEXT = 0.96
_SLOWEST = Fraction(1, 1001)
#: Below six frames a second a segment of whole groups of pictures would grow past 6.5 s.
_MIN_RATE, _MAX_RATE = 6, 60
#: Parts of a picture's time by which all may be shown later. A track may begin between two places, where the rounding
#: of its timestamps would decide which one a picture gets.
_PHASES = (0.0, 0.25, -0.25, 0.4, -0.4)
#: Pictures closer together, in seconds, are one picture twice: no rate has a place for both.
_TWICE = 1 / 120
#: Of so many pictures one may be without a place: a mistake in the file, not its rhythm.
_ONE_OF = 500


def natural_rate(mean: float, typical: float, *, steady: bool) -> Fraction:
    """What the file's author meant, from pictures by time and from the ordinary distance between two of them."""
    if steady:
        return _snap(typical) or max(_SLOWEST, Fraction(typical).limit_denominator(1001))
    faster = (rate for rate in _STANDARD_RATES if rate >= _NEXT * typical)
    return _snap(mean) or _snap(typical) or next(faster, _STANDARD_RATES[-1])


def output_rate(natural: Fraction, *, interlaced: bool) -> Fraction:
    """The source's rate, or a picture per field of an interlaced one, brought within 6 to 60 by a whole factor."""
    rate = natural * (2 if interlaced else 1)
    rate /= max(1, ceil(rate / _MAX_RATE))
    return rate * max(1, ceil(_MIN_RATE / rate))


def with_places(natural: Fraction, windows: Iterable[Sequence[float]], *, interlaced: bool) -> tuple[Fraction, float]:
    """The output rate, and the seconds by which all pictures are shown later.

    ``windows`` are stretches of the times at which pictures are shown, in order. The slowest rate from the natural one
    on in which every picture has its place, else the one that leaves out the fewest.
    """
    windows = [_once(times) for times in windows]
    tolerated = sum(map(len, windows)) // _ONE_OF
    wanted = output_rate(natural, interlaced=interlaced)
    choices = []
    if natural <= _MAX_RATE * (1 + _SAME):
        for rate in (wanted, *(each for each in _STANDARD_RATES if each > wanted)):
            for phase in _PHASES:
                lost = sum(_lost(times, float(rate), phase) for times in windows)
                if lost <= tolerated:
                    return rate, phase / float(rate)
                choices.append((lost, rate, phase))
    _, rate, phase = min(choices, default=(0, wanted, 0.0))
    return rate, phase / float(rate)


def _snap(rate: float) -> Fraction | None:
    nearest = min(_STANDARD_RATES, key=lambda standard: abs(standard - rate))
    return nearest if abs(nearest - rate) <= nearest * _SAME else None


def _once(times: Sequence[float]) -> list[float]:
    kept: list[float] = []
    for time in times:
        if not kept or time - kept[-1] >= _TWICE:
            kept.append(time)
    return kept


def _lost(times: Sequence[float], rate: float, phase: float) -> int:
    """Pictures that get the same place as the one before."""
    places = [floor(time * rate + phase + 0.5) for time in times]
    return len(places) - len(set(places))
