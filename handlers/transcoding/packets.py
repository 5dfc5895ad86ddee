"""Looks at every packet of a video track, in the decoder, and tells whether it can be packaged as it is.

That can be done with what every player plays, cut and put beside other renditions: H.264 of 8 bits in upright,
progressive pictures that come evenly, in groups that begin with an IDR picture and refer to no other (closed groups).
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from math import floor
from typing import Any

import av
from av.video.stream import VideoStream

from handlers.media.opening import open_as

#: Profiles (ITU-T H.264, annex A) that every player has: baseline, main and high.
_PROFILES = frozenset({66, 77, 100})
#: A configuration record, and NAL units: of a picture that resets the decoder, and of parameter sets.
_AVCC, _IDR, _SPS, _PPS = 1, 5, 7, 8
#: Parts of a picture's time by which one may be off its place.
_OFF = Fraction(1, 4)
#: Seconds between key frames: the most, and the least on average.
_RARE, _OFTEN = 10, Fraction(1, 4)
#: Pictures at the beginning that are decoded to see what they are.
_FIRST = 3


class Unfit(Exception):
    """Why it cannot be packaged as it is: the rest of a sentence that begins with "it"."""


@dataclass(frozen=True, slots=True)
class Packets:
    """What is known of the track. Its packets are counted from 0, in the order in which they are shown."""

    #: Pixels.
    width: int
    height: int
    #: In the configuration record: ten times the level.
    level: int
    #: Pictures.
    count: int
    #: The numbers of those that are key frames.
    keys: tuple[int, ...]
    #: By how many pictures a picture is shown after it is decoded, at the most.
    delay: int
    #: Bytes from each key frame to the next.
    sizes: tuple[int, ...]


def look(path: str, demuxer: str, track: int, rate: str) -> dict[str, Any]:
    """``Packets`` as plain values, of pictures of which so many come in a second; or why not, as ``unfit``."""
    try:
        with open_as(path, demuxer) as container:
            stream = container.streams[track]
            assert isinstance(stream, VideoStream)
            origin = Fraction(container.start_time or 0, av.time_base)
            return asdict(_Track(stream, Fraction(rate), origin).packets())
    except Unfit as error:
        return {"unfit": str(error)}
    except MemoryError:
        raise
    except av.FFmpegError as error:
        return {"unfit": f"cannot be read to its end ({error.strerror})"}


class _Track:
    """One pass over the packets of a track."""

    def __init__(self, stream: VideoStream, rate: Fraction, origin: Fraction) -> None:
        self._stream, self._rate, self._origin = stream, rate, origin
        self._record = _record(stream)
        self._length = (self._record[4] & 3) + 1
        self._sets = bytes(self._record)
        self._places: list[int] = []
        self._keys: list[int] = []
        self._sizes: list[int] = []

    def packets(self) -> Packets:
        """Raises ``Unfit``."""
        for packet in self._stream.container.demux(self._stream):  # type: ignore[attr-defined]
            if packet.size:
                self._take(packet)
        count = len(self._places)
        if sorted(self._places) != list(range(count)):
            raise Unfit("has pictures that are missing, or come twice, or does not begin with the first")
        self._check_keys(count)
        delay = max((number - place for number, place in enumerate(self._places)), default=0)
        context = self._stream.codec_context
        return Packets(
            context.width, context.height, self._record[3], count, tuple(self._keys), delay, tuple(self._sizes)
        )

    def _take(self, packet: "av.Packet[Any]") -> None:
        number = len(self._places)
        if packet.is_discard:
            raise Unfit("has pictures that are not to be shown (an edit list)")
        if packet.pts is None:
            raise Unfit("has pictures without a time")
        at = (packet.pts * packet.time_base - self._origin) * self._rate
        place = floor(at + Fraction(1, 2))
        if abs(at - place) > _OFF:
            raise Unfit(f"has pictures that do not come evenly, {float(self._rate):.3f} in a second")
        self._places.append(place)
        if number < _FIRST:
            self._check_pictures(packet)
        if packet.is_keyframe:
            self._check_key(bytes(packet), number, place)
            self._keys.append(number)
            self._sizes.append(0)
        elif not self._keys:
            raise Unfit("does not begin with a key frame")
        self._sizes[-1] += packet.size

    def _check_key(self, data: bytes, number: int, place: int) -> None:
        units = dict(_units(data, self._length))
        if _IDR not in units or number != place:
            raise Unfit("has groups of pictures that refer to others (open GOPs)")
        if any(units[kind] not in self._sets for kind in (_SPS, _PPS) if kind in units):
            raise Unfit("changes its parameters on the way")

    def _check_keys(self, count: int) -> None:
        ends = [*self._keys[1:], count]
        longest = max((end - key for key, end in zip(self._keys, ends, strict=True)), default=0)
        if longest > _RARE * self._rate:
            raise Unfit(f"has no key frame for {float(longest / self._rate):.1f} s; {_RARE} s are the most")
        if not count or len(self._keys) * self._rate * _OFTEN > count + self._rate:
            raise Unfit("has so many key frames that segments of it would be wasteful")

    def _check_pictures(self, packet: "av.Packet[Any]") -> None:
        for frame in self._stream.decode(packet):
            if frame.interlaced_frame:
                raise Unfit("is interlaced")
            if frame.rotation:
                raise Unfit("is rotated")


def _record(stream: VideoStream) -> bytes:
    """The configuration record (ISO/IEC 14496-15, 5.3.3.1). Raises ``Unfit`` for what is not that of such H.264."""
    context = stream.codec_context
    if context.name != "h264":
        raise Unfit(f"is {context.name} and not H.264")
    record = bytes(context.extradata or b"")
    if len(record) < 7 or record[0] != _AVCC:
        raise Unfit("has its parameters elsewhere than MP4 and Matroska have them")
    if record[1] not in _PROFILES or context.pix_fmt != "yuv420p":
        raise Unfit("is of a profile of H.264 that not every player has")
    if (stream.sample_aspect_ratio or 1) != 1:
        raise Unfit("has pixels that are not square")
    return record


def _units(data: bytes, length: int) -> Iterator[tuple[int, bytes]]:
    """Types and contents of the NAL units of a picture."""
    at = 0
    while at + length < len(data):
        size = int.from_bytes(data[at : at + length])
        at += length
        yield data[at] & 31, data[at : at + size]
        at += size
