"""Looks at pictures all over a track: what they are, and whether they stay so.

The first few are decoded, then key frames: one a second at first, ever fewer in a long film, because a change of size
or of scanning comes with a key frame. Of those that are sure to look like the ones before, the beginning is enough.
"""

from collections import Counter
from fractions import Fraction
from typing import Any, NamedTuple

import av
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from handlers.transcoding.nal_units import sequence_of

_FIRST = 8
#: Bytes of a picture that tell whether it is like the others.
BEGINNING = 4096
#: After so many looks the time between two of them, in seconds, doubles.
_SPACING, _LOOKS_BEFORE_DOUBLING = 1.0, 300
#: Different looks that are told apart; a file with more has no look worth knowing.
_KEPT = 1000
#: Sample aspect ratios beyond these are mistakes.
SANE_ASPECT = (Fraction(1, 4), Fraction(4))


class Look(NamedTuple):
    """One way in which pictures of a track look. The size is as displayed: rotated, with square pixels."""

    width: int
    height: int
    lines: int
    pixel_format: str
    rgb: bool
    alpha: bool
    full_range: bool
    rotation: int
    matrix: int
    primaries: int
    transfer: int


class Looks:
    """The looks of one track, gathered packet by packet."""

    def __init__(self, stream: VideoStream, *, alone: bool) -> None:
        """``alone``: no other track is to be preferred where of this one little can be decoded."""
        self.stream = stream
        self.seen: Counter[Look] = Counter()
        self.interlaced = False
        self._decoded = 0
        self._failed = 0
        self._fed = 0
        self._next = 0.0
        self._aspect = _sane(stream.sample_aspect_ratio)
        self._sequence = sequence_of(stream.codec_context.name, stream.codec_context.extradata) if alone else None

    def feed(self, packet: "av.Packet[Any]", at: float) -> None:
        """The next packet in file order, ``at`` seconds; one without content is the end."""
        if packet.size and self.begun:
            if not self.due(packet.is_keyframe, at) or self.alike(beginning(packet)):
                return
        elif packet.size and self._sequence and not self._sequence.same(beginning(packet), key=packet.is_keyframe):
            self._sequence = None
        try:
            for frame in self.stream.decode(packet):
                self._look(frame)
        except MemoryError:
            raise
        except av.error.FFmpegError:
            self._failed += 1

    def alike(self, start: bytes) -> bool:
        """Whether a due picture that begins so is sure to look like those before, and counts as one of them."""
        if self._sequence is None or self.interlaced or not self.uniform or not self._sequence.same(start, key=True):
            self._sequence = None
            return False
        self.seen.update(self.seen.keys())
        return True

    @property
    def begun(self) -> bool:
        """Whether the first few are decoded."""
        return self._decoded >= _FIRST

    def due(self, key: bool, at: float) -> bool:
        """Whether a later picture is one of those that are looked at."""
        if not key or at < self._next:
            return False
        self._fed += 1
        self._next = at + _SPACING * 2 ** (self._fed // _LOOKS_BEFORE_DOUBLING)
        return True

    def _look(self, frame: VideoFrame) -> None:
        self._decoded += 1
        if frame.is_corrupt and self.seen:
            return
        self.interlaced = self.interlaced or frame.interlaced_frame
        width, height = round(frame.width * self._aspect), frame.height
        turned = frame.rotation % 180 == 90
        look = Look(
            *((height, width) if turned else (width, height)),
            lines=frame.height,
            pixel_format=frame.format.name,
            rgb=frame.format.is_rgb,
            alpha=any(component.is_alpha for component in frame.format.components),
            full_range=int(frame.color_range) == _FULL_RANGE,
            rotation=frame.rotation,
            matrix=int(frame.colorspace),
            primaries=int(frame.color_primaries),
            transfer=int(frame.color_trc),
        )
        if len(self.seen) < _KEPT:
            self.seen[look] += 1

    @property
    def largest(self) -> Look | None:
        """Of the looks with the most pixels, the most frequent; ``None`` when nothing could be decoded."""
        return max(self.seen, key=lambda look: (look.width * look.height, self.seen[look]), default=None)

    @property
    def intact(self) -> bool:
        """Whether most of what was looked at could be decoded."""
        return self._decoded > self._failed

    @property
    def uniform(self) -> bool:
        return len(self.seen) == 1


_FULL_RANGE = 2


def beginning(packet: "av.Packet[Any]") -> bytes:
    """As much of a picture as ``alike`` wants to see."""
    return bytes(memoryview(packet)[:BEGINNING])


def _sane(aspect: Fraction | None) -> Fraction:
    return aspect if aspect and SANE_ASPECT[0] <= aspect <= SANE_ASPECT[1] else Fraction(1)
