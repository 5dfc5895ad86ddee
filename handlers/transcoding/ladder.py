"""Decides what is made of a source: the renditions' sizes and bit rates, the frame rate, the length of a segment.

Pure arithmetic. Sizes are pixels of a picture as it is displayed: rotated, and with square pixels.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, sqrt

from handlers.transcoding.source import Source

#: Short side of each rung and the most bits per second that its video may need.
LADDER = ((360, 800_000), (480, 1_400_000), (720, 2_800_000), (1080, 5_000_000))
#: A picture of 1080p in whole macroblocks, and what a side may have: within H.264 level 4.2 (ITU-T H.264, table A-1),
#: the highest that every HLS player takes.
_MAX_PIXELS, _MAX_SIDE = 1920 * 1088, 4096
#: The encoder's and many players' smallest picture.
_MIN_SIDE = 16

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
#: A segment is three groups of pictures of about two seconds.
_GOP_SECONDS, _GOPS_PER_SEGMENT = 2, 3


@dataclass(frozen=True, slots=True)
class Rung:
    """One rendition. ``max_rate`` caps a constant-quality encode, in bits per second."""

    name: str
    width: int
    height: int
    max_rate: int


def rungs(width: int, height: int) -> list[Rung]:
    """The renditions of a source, smallest first: every rung up to its short side, or one of its own size below all."""
    short = min(width, height)
    fitting = [(side, rate) for side, rate in LADDER if side <= short]
    return [_rung(width, height, side, rate) for side, rate in fitting or [(short, LADDER[0][1])]]


def _rung(width: int, height: int, side: int, max_rate: int) -> Rung:
    scale = side / min(width, height)
    pixels, longest = width * height * scale * scale, max(width, height) * scale
    scale *= min(1.0, sqrt(_MAX_PIXELS / pixels), _MAX_SIDE / longest)
    return Rung(f"{side}p", _even(width, scale), _even(height, scale), max_rate)


def _even(size: int, scale: float) -> int:
    """The nearest even size, never above the source's own."""
    return max(_MIN_SIDE, min(2 * floor(size * scale / 2 + 0.5), 2 * (size // 2)))


def frame_rate(source: Source) -> Fraction:
    """Frames per second of the output: the source's, a frame per field of an interlaced one, within 6 to 60."""
    rate = _source_rate(source) * (2 if source.interlaced else 1)
    rate /= max(1, ceil(rate / _MAX_RATE))
    return rate * max(1, ceil(_MIN_RATE / rate))


def _source_rate(source: Source) -> Fraction:
    if source.steady:
        exact = Fraction(source.typical_rate).limit_denominator(1001)
        return _snap(source.typical_rate) or max(_SLOWEST, exact)
    faster = (rate for rate in _STANDARD_RATES if rate >= _NEXT * source.typical_rate)
    return _snap(source.mean_rate) or _snap(source.typical_rate) or next(faster, _STANDARD_RATES[-1])


def _snap(rate: float) -> Fraction | None:
    nearest = min(_STANDARD_RATES, key=lambda standard: abs(standard - rate))
    return nearest if abs(nearest - rate) <= nearest * _SAME else None


def gop_frames(rate: Fraction) -> int:
    """Frames from one key frame to the next."""
    return ceil(_GOP_SECONDS * rate)


def segment_frames(rate: Fraction) -> int:
    """Frames of every segment but the last."""
    return _GOPS_PER_SEGMENT * gop_frames(rate)
