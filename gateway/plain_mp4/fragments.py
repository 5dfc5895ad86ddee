"""Reads which samples fragmented MP4 has: what describes a track, and of each fragment sizes, times and places."""

import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from struct import unpack_from

#: Words of a ``trun`` before its samples, and those of each sample, by their flags (8.8.8).
_DATA_OFFSET, _FIRST_FLAGS = 0x1, 0x4
_DURATION, _SIZE, _FLAGS, _COMPOSITION = 0x100, 0x200, 0x400, 0x800
#: Fields of a ``tfhd``: one that means positions in another file, one that is skipped, and three defaults (8.8.7).
_BASE_OFFSET, _DESCRIPTION, _DEFAULTS = 0x1, 0x2, (0x8, 0x10, 0x20)
#: Of a sample's flags: whoever seeks cannot begin with it.
_NO_SYNC = 0x10000


@dataclass(frozen=True, slots=True)
class Defaults:
    """Of samples that do not say it: ticks, bytes, flags."""

    duration: int
    size: int
    flags: int


@dataclass(slots=True)
class Samples:
    """All samples of one track. Durations and offsets are in ticks; those are from a sample's decoding to its showing.

    ``starts`` are the positions of runs of samples that lie behind each other, ``counts`` how many each has.
    """

    #: The decode time of the first.
    begins: int | None = None
    #: The decode time of the one that comes next.
    ends: int = 0
    sizes: "array[int]" = field(default_factory=lambda: array("I"))
    durations: "array[int]" = field(default_factory=lambda: array("I"))
    offsets: "array[int]" = field(default_factory=lambda: array("i"))
    #: Numbers, from 1, of those that one can begin with.
    sync: "array[int]" = field(default_factory=lambda: array("I"))
    starts: "array[int]" = field(default_factory=lambda: array("Q"))
    counts: "array[int]" = field(default_factory=lambda: array("I"))

    def add(self, moof: bytes, position: int, defaults: Defaults) -> None:
        """What the content of a ``moof`` box tells, which begins at ``position``; fragments come in their order.

        Raises ``ValueError`` for one that is not of a single track, that is behind its time, or broken.
        """
        ((_, fragment),) = [each for each in boxes(moof) if each[0] == b"traf"]
        defaults = _defaults(inside(fragment, b"tfhd"), defaults)
        self._begin(inside(fragment, b"tfdt"))
        follows = position
        for kind, run in boxes(fragment):
            if kind == b"trun":
                follows = self._add_run(run, position, follows, defaults)

    def _begin(self, box: bytes) -> None:
        (time,) = unpack_from(">Q" if box[0] else ">I", box, 4)
        if self.begins is None:
            self.begins = self.ends = time
        elif time != self.ends:  # the last one is shown until this begins
            self.durations[-1] += time - self.ends
            self.ends = time

    def _add_run(self, run: bytes, position: int, follows: int, defaults: Defaults) -> int:
        flags, count = unpack_from(">II", run)
        flags &= 0xFFFFFF
        at = 8
        if flags & _DATA_OFFSET:
            follows = position + unpack_from(">i", run, at)[0]
            at += 4
        first_flags = None
        if flags & _FIRST_FLAGS:
            (first_flags,) = unpack_from(">I", run, at)
            at += 4
        present = [bit for bit in (_DURATION, _SIZE, _FLAGS, _COMPOSITION) if flags & bit]
        words = _words(run[at : at + 4 * count * len(present)])
        if len(words) != count * len(present):
            raise ValueError("a run of samples is cut off")

        def column(bit: int, default: int) -> "array[int]":
            return words[present.index(bit) :: len(present)] if bit in present else array("I", [default]) * count

        sizes, durations = column(_SIZE, defaults.size), column(_DURATION, defaults.duration)
        told = column(_FLAGS, defaults.flags)
        if first_flags is not None and count:
            told[0] = first_flags
        known = len(self.sizes)
        self.sync.extend(number for number, each in enumerate(told, known + 1) if not each & _NO_SYNC)
        self.sizes.extend(sizes)
        self.durations.extend(durations)
        self.offsets.frombytes(column(_COMPOSITION, 0).tobytes())
        self.starts.append(follows)
        self.counts.append(count)
        self.ends += sum(durations)
        return follows + sum(sizes)


def _words(data: bytes) -> "array[int]":
    words = array("I", data)
    if sys.byteorder == "little":
        words.byteswap()
    return words


def defaults_of(init: bytes) -> Defaults:
    """What an initialization segment says of all samples (8.8.3)."""
    return Defaults(*unpack_from(">III", inside(init, b"moov", b"mvex", b"trex"), 12))


def _defaults(box: bytes, defaults: Defaults) -> Defaults:
    (flags,) = unpack_from(">I", box)
    if flags & _BASE_OFFSET:
        raise ValueError("a fragment tells positions in another file")
    at, told = 12 if flags & _DESCRIPTION else 8, []
    for bit, default in zip(_DEFAULTS, (defaults.duration, defaults.size, defaults.flags), strict=True):
        told.append(unpack_from(">I", box, at)[0] if flags & bit else default)
        at += 4 * bool(flags & bit)
    return Defaults(*told)


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and content of the boxes that lie side by side. Raises ``ValueError`` for a broken one."""
    at = 0
    while at < len(data):
        size, kind = header(data[at : at + 16])
        if not 8 <= size <= len(data) - at:
            raise ValueError(f"box {kind!r} has the size {size}")
        yield kind, data[at + 8 : at + size]
        at += size


def header(data: bytes) -> tuple[int, bytes]:
    """Size and type of the box that begins so. Raises ``ValueError`` for one that is cut off."""
    if len(data) < 8:
        raise ValueError("a box is cut off")
    size, kind = unpack_from(">I4s", data)
    if size == 1 and len(data) >= 16:
        (size,) = unpack_from(">Q", data, 8)
    return size, kind


def inside(data: bytes, *path: bytes) -> bytes:
    """The content of the first box at ``path``. Raises ``ValueError`` where there is none."""
    for wanted in path:
        found = next((content for kind, content in boxes(data) if kind == wanted), None)
        if found is None:
            raise ValueError(f"there is no {wanted.decode()} box")
        data = found
    return data
