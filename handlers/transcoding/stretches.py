"""Divides the sound of a video into stretches of whole segments: each is encoded by a run of its own, so that an
interrupted transcoding goes on with the next.

Pure arithmetic, in frames of AAC. What a stretch is made of depends on nothing but the plan and the sound, so it has
the same bytes whoever makes it. Its encoder gets some sound before its first frame and after its last, whose frames are
dropped: at the border it decides as that of the neighbour does, and both halves of what overlaps there fit together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import count, pairwise, takewhile
from math import ceil

from handlers.transcoding.hls_output import seconds
from handlers.transcoding.plan import Plan

#: Samples a second, and of a frame.
RATE, FRAME = 48_000, 1024
#: Segments of a stretch, about: each costs the start of a program, and a kill half of one.
_SEGMENTS = 15
#: Frames that are encoded in vain before a stretch and after it.
_BEFORE, _AFTER = 256, 4
#: Frames that the encoders of neighbours get both.
OVERLAP = _BEFORE + _AFTER


@dataclass(frozen=True, slots=True)
class Stretch:
    """Segments from ``first`` on, of which each begins with the frame in ``begins``."""

    first: int
    begins: tuple[int, ...]
    #: The frame behind the last; ``None`` where the sound ends.
    end: int | None

    @property
    def numbers(self) -> range:
        """Those of its segments."""
        return range(self.first, self.first + len(self.begins))

    @property
    def reads_from(self) -> int:
        """The first frame that its encoder gets."""
        return max(0, self.begins[0] - _BEFORE)

    @property
    def reads_to(self) -> int | None:
        """The frame behind the last that its encoder gets."""
        return None if self.end is None else self.end + _AFTER


def stretches(plan: Plan, length: Fraction) -> list[Stretch]:
    """Those of sound of so many seconds, in order."""
    begins = list(_begins(plan, ceil(Fraction(round(length * RATE), FRAME))))
    parts = max(1, round(len(begins) / _SEGMENTS))
    bounds = [ceil(len(begins) * number / parts) for number in range(parts + 1)]
    return [
        Stretch(first, tuple(begins[first:end]), begins[end] if end < len(begins) else None)
        for first, end in pairwise(bounds)
    ]


def _begins(plan: Plan, frames: int) -> Iterator[int]:
    """The first frame of each segment, at or after the time at which its pictures begin."""
    each = Fraction(seconds(plan.segment_seconds)) * RATE / FRAME
    return takewhile(lambda frame: frame < frames, (ceil(each * number) for number in count()))
