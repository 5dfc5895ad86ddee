"""What one stored rendition of a video consists of, read from its media playlist."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from broker.errors import NotFound, TaskBrokerError
from broker.media.records import MediaRecord

_SEGMENT = re.compile(r"#EXTINF:([\d.]+),[^\n]*\n(?:#[^\n]*\n)*([^#\n]+)")
_MAP = re.compile(r'#EXT-X-MAP:URI="([^"]+)"')


class NotCompleted(TaskBrokerError):
    """This video has no finished rendition yet; ask again once its status is completed."""

    code, status = "not_completed", 409


class Range(NamedTuple):
    """Seconds of a video; without an ``end`` up to its end."""

    start: float
    end: float | None = None


@dataclass(frozen=True, slots=True)
class Rendition:
    """``init`` and ``segments`` are names beside the playlist; ``lengths`` are the segments' seconds."""

    init: str
    segments: Sequence[str]
    lengths: Sequence[float]

    def at(self, seconds: float) -> tuple[str, float, float]:
        """The segment that shows this moment, the seconds of it that are over by then, and its length.

        What lies behind the end is shown by the last.
        """
        ends = list(accumulate(self.lengths))
        number = next((number for number, end in enumerate(ends) if seconds < end), len(ends) - 1)
        begins = ends[number] - self.lengths[number]
        return self.segments[number], min(seconds - begins, self.lengths[number]), self.lengths[number]


def read(playlist: str) -> Rendition:
    """The rendition of a media playlist. Raises ``NotFound`` when it names no segment yet."""
    found, init = _SEGMENT.findall(playlist), _MAP.search(playlist)
    if not found or init is None:
        raise NotFound("Nothing of this video can be shown yet.")
    return Rendition(init[1], [name for _, name in found], [float(length) for length, _ in found])


def fitting(record: MediaRecord, width: int) -> str | None:
    """The playlist of the smallest rendition that is at least so wide, else of the widest; ``None`` without any."""
    variants = sorted(record.info.get("variants") or [], key=lambda each: each["width"])
    chosen = next((each for each in variants if each["width"] >= width), variants[-1] if variants else None)
    return chosen["playlist"] if chosen else None
