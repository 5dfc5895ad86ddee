"""Decides what is made of a source: the renditions' sizes and bit rates, the length of a segment.

Pure arithmetic. Sizes are pixels of a picture as it is displayed: rotated, and with square pixels.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, sqrt

#: Short side of each rung and the most bits per second that its video may need.
LADDER = ((360, 800_000), (480, 1_400_000), (720, 2_800_000), (1080, 5_000_000))
#: A picture of 1080p in whole macroblocks, and what a side may have: within H.264 level 4.2 (ITU-T H.264, table A-1),
#: the highest that every HLS player takes.
_MAX_PIXELS, _MAX_SIDE = 1920 * 1088, 4096
#: The encoder's and many players' smallest picture.
_MIN_SIDE = 16

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


def gop_frames(rate: Fraction) -> int:
    """Frames from one key frame to the next."""
    return ceil(_GOP_SECONDS * rate)


def segment_frames(rate: Fraction) -> int:
    """Frames of every segment but the last."""
    return _GOPS_PER_SEGMENT * gop_frames(rate)
