"""Decides what is made of a source: the renditions' sizes and bit rates, the length of a segment.

Pure arithmetic. Sizes are pixels of a picture as it is displayed: rotated, and with square pixels.
"""

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor, log, sqrt

from broker.environment.video_profiles import Profile

#: Short sides, and the most bits per second that H.264 of a standard quality may need there. Between two of them they
#: grow by a power of the side.
_RATES = (
    *((144, 200_000), (240, 400_000), (360, 800_000), (480, 1_400_000), (720, 2_800_000), (1080, 5_000_000)),
    *((1440, 9_000_000), (2160, 16_000_000)),
)
#: The same of other codecs and qualities, in parts of that.
_CODEC = {"h264": 1.0, "hevc": 0.65, "av1": 0.55}
_QUALITY = {"low": 0.6, "standard": 1.0, "high": 1.6}
#: Up to 1080, a picture of 1080p in whole macroblocks, and what a side may have: within H.264 level 4.2 (ITU-T H.264,
#: table A-1), the highest that every HLS player takes. Above, a picture of 16:9.
_MAX_PIXELS, _MAX_SIDE = 1920 * 1088, 4096
_LEVEL_4_2 = 1080
_DEFAULT = Profile()
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


def rungs(width: int, height: int, profile: Profile = _DEFAULT) -> list[Rung]:
    """The renditions of a source, smallest first: every rung up to its short side, or one of its own size below all."""
    short, ladder = min(width, height), sorted(profile.ladder)
    fitting = [(side, side) for side in ladder if side <= short] or [(short, ladder[0])]
    part = _CODEC[profile.codec] * _QUALITY[profile.quality]
    return [_rung(width, height, side, round(part * _rate(of))) for side, of in fitting]


def _rate(side: int) -> float:
    """Bits per second; outside of the table as at its ends."""
    for (low, below), (high, above) in pairwise(_RATES):
        if low <= side <= high:
            return float(below * (side / low) ** (log(above / below) / log(high / low)))
    return _RATES[0][1] if side < _RATES[0][0] else _RATES[-1][1]


def _rung(width: int, height: int, side: int, max_rate: int) -> Rung:
    scale = side / min(width, height)
    pixels, longest = width * height * scale * scale, max(width, height) * scale
    most = _MAX_PIXELS if side <= _LEVEL_4_2 else ceil(side * side * 16 / 9)
    scale *= min(1.0, sqrt(most / pixels), _MAX_SIDE / longest)
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
