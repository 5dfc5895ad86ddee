"""Divides a transcoding into parts: ranges of whole segments, of some renditions, that one run of ffmpeg makes.

Pure arithmetic. Wherever a range begins, all of its encoders begin anew, so where ranges begin decides the bytes.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil

from handlers.transcoding.ladder import Rung
from handlers.transcoding.plan import Plan
from handlers.transcoding.source import Source

#: Containers whose index tells where a moment lies, so that a run can begin there. In others times are guesses.
SEEKABLE = frozenset({"mov", "matroska"})
#: Segments of a range, about: encoders that begin anew more often cost more, and ranges are what workers share.
_SEGMENTS = 8
#: Segments (of six seconds, so two minutes) from which on a video is shared. Its last ranges are shorter then, down to
#: so many segments, so that those who make them end at about the same time.
SHARED, _SHORTEST = 20, 2


@dataclass(frozen=True, slots=True)
class Part:
    """Segments ``first`` to ``end`` (which is not among them) of some renditions, smallest first.

    ``seek``: the source is read from a little before the first of them, else from its beginning.
    """

    first: int
    end: int
    rungs: tuple[Rung, ...]
    seek: bool

    @property
    def name(self) -> str:
        """Tells it from all other parts of the same video."""
        return f"{self.first:05d}-{self.rungs[0].name}-{self.rungs[-1].name}"

    @property
    def seeks(self) -> bool:
        """Whether its run begins to read in the middle."""
        return self.seek and self.first > 0

    def after(self, first: int) -> "Part":
        """What is left of it from that segment on."""
        return replace(self, first=first)

    def from_beginning(self) -> "Part":
        """The same, without a seek."""
        return replace(self, seek=False)


def parts(source: Source, demuxer: str, plan: Plan) -> list[Part]:
    """The parts in the order in which they are made: one segment of the smallest rendition first, so that it plays.
    What is copied is a part of its own.

    Where pictures change their size or colours ffmpeg restarts its filters, which have to see everything in one run.
    """
    copied = [Part(0, plan.segments, (plan.copied,), seek=False)] if plan.copied else []
    everything = tuple(plan.encoded)
    if not everything:
        return copied
    smallest, others = everything[:1], everything[1:]
    if not source.uniform or plan.frames <= plan.gop_frames:
        return [Part(0, plan.segments, everything, seek=False), *copied]
    leading = [Part(0, 1, rungs, seek=False) for rungs in (smallest, others) if rungs]
    seek = demuxer in SEEKABLE
    return (
        leading + copied + [Part(first, end, everything, seek) for first, end in _ranges(1, plan.segments, split=seek)]
    )


def _ranges(first: int, end: int, *, split: bool) -> list[tuple[int, int]]:
    """As equal as can be, or of a long video shorter at its end; the whole in one where a run cannot begin inside."""
    length = end - first
    if split and end >= SHARED:
        return list(pairwise(_tapering(first, end)))
    count = min(length, max(1, round(length / _SEGMENTS)) if split else 1)
    bounds = [first + ceil(length * number / count) for number in range(count + 1)] if count else []
    return list(pairwise(bounds))


def _tapering(first: int, end: int) -> list[int]:
    """Where ranges begin and end, none longer than a quarter of what is left."""
    bounds = [first]
    while (left := end - bounds[-1]) > 0:
        bounds.append(bounds[-1] + min(left, _SEGMENTS, max(_SHORTEST, ceil(left / 4))))
    return bounds
