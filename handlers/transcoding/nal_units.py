"""Tells, from the beginning of a picture of H.264 or HEVC, whether it can look other than those before it.

What a picture looks like is said by a sequence parameter set (ITU-T H.264 and H.265, 7.3.2.1), and by messages (SEI,
annex D) that turn it, give it another transfer function, or say that it is of fields. All come before its first slice.
"""

from collections.abc import Iterator
from typing import NamedTuple

_ORIENTATION, _TRANSFER, _TIMING = 47, 147, 1
#: Profiles whose parameter sets tell about chroma (H.264, 7.3.2.1.1).
_WITH_CHROMA = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})


class _Kinds(NamedTuple):
    """Types of NAL units: parameter set, message, slices; and the bytes of a unit's header."""

    parameters: int
    message: int
    slices: range
    header: int


#: What a byte stream has before each unit (annex B).
_CODE = b"\0\0\1"
_H264, _HEVC = _Kinds(7, 6, range(1, 6), 1), _Kinds(33, 39, range(32), 2)


class Sequence:
    """The parameter set of a track that has one, and what is checked against it."""

    def __init__(self, kinds: _Kinds, configuration: bytes) -> None:
        """``configuration`` is that of the track: avcC or hvcC (ISO/IEC 14496-15), or the units themselves behind start
        codes, where a transport stream has them. Raises ``ValueError`` for others.
        """
        self._kinds = kinds
        #: Bytes of a unit's length; 0 where start codes part the units.
        self._length, sets = self._read(configuration)
        if len(sets) != 1:
            raise ValueError("not one parameter set")
        self._set = sets[0]
        self._messages: list[bytes] | None = None
        if kinds is _H264 and not _frames_only(self._set):
            raise ValueError("fields")

    def _read(self, configuration: bytes) -> tuple[int, list[bytes]]:
        if configuration.startswith((_CODE, b"\0" + _CODE)):
            return 0, [unit for unit, _ in _parted(configuration) if self._kind(unit) == self._kinds.parameters]
        return _of_avcc(configuration) if self._kinds is _H264 else _of_hvcc(configuration)

    def _kind(self, unit: bytes) -> int:
        return unit[0] & 31 if self._kinds is _H264 else unit[0] >> 1 & 63

    def same(self, beginning: bytes, *, key: bool) -> bool:
        """Whether the picture that begins so has the parameter set, and a ``key`` one the messages of the first."""
        messages = []
        for kind, unit in self._units(beginning):
            if kind in self._kinds.slices:
                break
            if kind == self._kinds.parameters and unit != self._set:
                return False
            if kind == self._kinds.message:
                messages += _telling(unit[self._kinds.header :])
        else:
            return False  # what comes before the first slice is longer than what was read
        if any(message[0] == _TIMING for message in messages):
            return False
        if self._messages is None:
            self._messages = messages
        return messages == self._messages or not (key or messages)

    def _units(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Each behind its type, up to one, but for slices, of which the end is not there."""
        for unit, whole in _counted(data, self._length) if self._length else _parted(data):
            kind = self._kind(unit)
            if not whole and kind not in self._kinds.slices:
                return
            yield kind, unit


def _counted(data: bytes, length: int) -> Iterator[tuple[bytes, bool]]:
    """Units behind their lengths, each with whether all of it is there."""
    at = 0
    while at + length < len(data):
        size = int.from_bytes(data[at : at + length])
        at += length
        if not size:
            return
        yield data[at : at + size], at + size <= len(data)
        at += size


def _parted(data: bytes) -> Iterator[tuple[bytes, bool]]:
    """Likewise, of a byte stream (annex B): units behind start codes, and zeros that may follow them."""
    at = data.find(_CODE)
    while at >= 0:
        at += len(_CODE)
        end = data.find(_CODE, at)
        unit = data[at : end if end >= 0 else len(data)].rstrip(b"\0")
        if not unit:
            return
        yield unit, end >= 0
        at = end


def _of_avcc(data: bytes) -> tuple[int, list[bytes]]:
    """The bytes of a length, and the sequence parameter sets."""
    if len(data) < 7 or data[0] != 1:
        raise ValueError("no avcC")
    return (data[4] & 3) + 1, _sets(data, 6, data[5] & 31)[0]


def _of_hvcc(data: bytes) -> tuple[int, list[bytes]]:
    if len(data) < 23:
        raise ValueError("no hvcC")
    found, at = [], 23
    for _ in range(data[22]):
        kind, count = data[at] & 63, int.from_bytes(data[at + 1 : at + 3])
        units, at = _sets(data, at + 3, count)
        found += units if kind == _HEVC.parameters else []
    return (data[21] & 3) + 1, found


def _sets(data: bytes, at: int, count: int) -> tuple[list[bytes], int]:
    found = []
    for _ in range(count):
        size = int.from_bytes(data[at : at + 2])
        found.append(data[at + 2 : at + 2 + size])
        at += 2 + size
    if at > len(data):
        raise ValueError("cut off")
    return found, at


def _telling(unit: bytes) -> list[bytes]:
    """The messages of a unit that tell how pictures look, each behind its type."""
    data, at, found = _plain(unit), 0, []
    while at + 2 < len(data):  # behind the last one comes a byte of padding
        kind, at = _number(data, at)
        size, at = _number(data, at)
        if kind in (_ORIENTATION, _TRANSFER, _TIMING):
            found.append(bytes([kind]) + data[at : at + size])
        at += size
    return found


def _number(data: bytes, at: int) -> tuple[int, int]:
    total = 0
    while at < len(data):
        total, at = total + data[at], at + 1
        if data[at - 1] != 255:
            break
    return total, at


def _plain(unit: bytes) -> bytes:
    """Without the bytes that keep start codes from occurring (7.4.1)."""
    return unit.replace(b"\0\0\3", b"\0\0")


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data), 8 * len(data)

    def take(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise ValueError("cut off")
        return self._value >> self._left & (1 << count) - 1

    def golomb(self) -> int:
        """An Exp-Golomb number (9.1), without its sign if it has one."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)


def _frames_only(unit: bytes) -> bool:
    """``frame_mbs_only_flag``; false where it is not easily found."""
    bits = _Bits(_plain(unit[1:]))
    profile = bits.take(8)
    bits.take(16)
    bits.golomb()
    if profile in _WITH_CHROMA:
        if bits.golomb() == 3:
            bits.take(1)
        bits.golomb()
        bits.golomb()
        if bits.take(2) & 1:  # scaling lists
            return False
    bits.golomb()
    order = bits.golomb()
    if order == 0:
        bits.golomb()
    elif order == 1:
        return False
    bits.golomb()
    bits.take(1)
    bits.golomb()
    bits.golomb()
    return bool(bits.take(1))


def sequence_of(codec: str, configuration: bytes | None) -> Sequence | None:
    """That of a track of frames, by ffmpeg's name of its codec; ``None`` where it is not certain to be the only one."""
    kinds = {"h264": _H264, "hevc": _HEVC}.get(codec)
    try:
        return Sequence(kinds, configuration) if kinds and configuration else None
    except (ValueError, IndexError):
        return None
