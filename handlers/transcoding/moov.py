"""Reads what the index of an MP4 or MOV file says of its tracks (ISO/IEC 14496-12), where that is all there is to know.

Of files in fragments, with edits that cut, with several descriptions of one track, it says nothing.
"""

from array import array
from collections.abc import Iterator
from pathlib import Path
from struct import error as struct_error
from struct import iter_unpack, unpack_from
from typing import BinaryIO, TypeAlias

#: Boxes side by side, bytes of an index, and samples of a track that are looked at.
_MOST, _LARGEST, MOST_SAMPLES = 10_000, 2**27, 2_600_000
#: The time of an edit that shows nothing (8.6.6).
_EMPTY = -1

#: A box's kind, and where its content begins and ends.
_Box = tuple[bytes, int, int]


class NotTold(ValueError):
    """The index does not say all, or not plainly."""


#: By how many ticks each sample of a track is shown after it is decoded, but for a constant; ``None``: by that alone.
Delays: TypeAlias = "array[int] | None"


def read_delays(path: Path) -> dict[int, Delays]:
    """Of all tracks, by their ids. Raises ``NotTold``."""
    try:
        with path.open("rb") as file:
            data = _index(file, path.stat().st_size)
        kinds = [kind for kind, _, _ in _boxes(data, 0, len(data))]
        if b"mvex" in kinds:
            raise NotTold("fragments")
        return dict(_track(data, *place) for kind, *place in _boxes(data, 0, len(data)) if kind == b"trak")
    except (IndexError, struct_error) as error:
        raise NotTold(str(error)) from error


def _index(file: BinaryIO, size: int) -> bytes:
    """The content of the file's one index."""
    at, found = 0, b""
    for _ in range(_MOST):
        file.seek(at)
        head = file.read(16)
        if not head:
            break
        length, kind = unpack_from(">I4s", head)
        before = 8
        if length == 1:
            (length,), before = unpack_from(">Q", head, 8), 16
        length = length or size - at
        if length < before or at + length > size or kind == b"moof" or (found and kind == b"moov"):
            raise NotTold("not one index")
        if kind == b"moov":
            if length > _LARGEST:
                raise NotTold("a very large index")
            file.seek(at + before)
            found = file.read(length - before)
        at += length
    if at != size or not found:
        raise NotTold("no index")
    return found


def _boxes(data: bytes, at: int, end: int) -> Iterator[_Box]:
    for _ in range(_MOST):
        if at + 8 > end:
            return
        length, kind = unpack_from(">I4s", data, at)
        if length < 8 or at + length > end:
            raise NotTold("damaged")
        yield kind, at + 8, at + length
        at += length


def _inside(data: bytes, at: int, end: int, *way: bytes) -> tuple[int, int] | None:
    """Where the content of the one box on this way is."""
    for name in way:
        places = [(start, stop) for kind, start, stop in _boxes(data, at, end) if kind == name]
        if len(places) > 1:
            raise NotTold("a box twice")
        if not places:
            return None
        at, end = places[0]
    return at, end


def _track(data: bytes, at: int, end: int) -> tuple[int, Delays]:
    header, table = _inside(data, at, end, b"tkhd"), _inside(data, at, end, b"mdia", b"minf", b"stbl")
    if not header or not table:
        raise NotTold("no table")
    (identity,) = unpack_from(">I", data, header[0] + (20 if data[header[0]] else 12))
    kinds, sizes, delays = (_inside(data, *table, name) for name in (b"stsd", b"stsz", b"ctts"))
    if not kinds or unpack_from(">I", data, kinds[0] + 4) != (1,):
        raise NotTold("several descriptions")
    if not delays:
        return identity, None
    edits = _inside(data, at, end, b"edts", b"elst")
    if not sizes or (edits and _cuts(data, edits[0])):
        raise NotTold("edits")
    (samples,) = unpack_from(">I", data, sizes[0] + 8)
    if samples > MOST_SAMPLES:
        raise NotTold("a very long track")
    return identity, _delays(data, *delays, samples)


def _cuts(data: bytes, at: int) -> bool:
    """Whether a list of edits has more than one that shows something, or one that changes the speed."""
    version, (count,) = data[at], unpack_from(">I", data, at + 4)
    layout = ">Qqi" if version else ">Iii"
    size = 20 if version else 12
    if count > _MOST:
        return True
    edits = [unpack_from(layout, data, at + 8 + number * size) for number in range(count)]
    shown = [edit for edit in edits if edit[1] != _EMPTY]
    return len(shown) > 1 or any(rate != 1 << 16 for *_, rate in shown)


def _delays(data: bytes, at: int, end: int, samples: int) -> "array[int]":
    (count,) = unpack_from(">I", data, at + 4)
    if count > samples or at + 8 + 8 * count > end:
        raise NotTold("damaged")
    delays = array("i")
    for length, delay in iter_unpack(">Ii", data[at + 8 : at + 8 + 8 * count]):
        if length > samples - len(delays):
            raise NotTold("more delays than samples")
        delays.extend(array("i", [delay]) * length)
    return delays
