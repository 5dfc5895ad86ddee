"""Reads what the index of an MP4 or MOV file says of its tracks (ISO/IEC 14496-12), where that is all there is to know.

Of files with edits that cut, with several descriptions of one track, or with samples both here and in fragments, it
says nothing.
"""

from array import array
from pathlib import Path
from struct import error as struct_error
from struct import iter_unpack, unpack_from
from typing import TypeAlias

from handlers.transcoding.iso_boxes import NotTold, boxes, inside, read_index
from handlers.transcoding.moof import add_delays

#: Edits of a track, and samples, that are looked at.
_MOST, MOST_SAMPLES = 10_000, 2_600_000
#: The time of an edit that shows nothing (8.6.6).
_EMPTY = -1

#: By how many ticks each sample of a track is shown after it is decoded, but for a constant; ``None``: by that alone.
Delays: TypeAlias = "array[int] | None"


def read_delays(path: Path) -> dict[int, Delays]:
    """Of all tracks, by their ids. Raises ``NotTold``."""
    try:
        with path.open("rb") as file:
            data, fragments = read_index(file, path.stat().st_size)
        kinds = [kind for kind, _, _ in boxes(data, 0, len(data))]
        if (b"mvex" in kinds) != bool(fragments):
            raise NotTold("fragments that are not announced, or not there")
        tracks = [place for kind, *place in boxes(data, 0, len(data)) if kind == b"trak"]
        if fragments:
            return _of_fragments(data, tracks, fragments)
        return dict(_track(data, *place) for place in tracks)
    except (IndexError, struct_error) as error:
        raise NotTold(str(error)) from error


def _of_fragments(data: bytes, tracks: list[list[int]], fragments: list[bytes]) -> dict[int, Delays]:
    found: dict[int, array[int]] = {}
    for at, end in tracks:
        identity, _ = _track(data, at, end)
        sizes = inside(data, at, end, b"mdia", b"minf", b"stbl", b"stsz")
        if not sizes or unpack_from(">I", data, sizes[0] + 8) != (0,):
            raise NotTold("samples outside of fragments")
        found[identity] = array("i")
    for each in fragments:
        add_delays(found, each, MOST_SAMPLES)
    return dict(found)


def _track(data: bytes, at: int, end: int) -> tuple[int, Delays]:
    header, table = inside(data, at, end, b"tkhd"), inside(data, at, end, b"mdia", b"minf", b"stbl")
    if not header or not table:
        raise NotTold("no table")
    (identity,) = unpack_from(">I", data, header[0] + (20 if data[header[0]] else 12))
    kinds, sizes, delays = (inside(data, *table, name) for name in (b"stsd", b"stsz", b"ctts"))
    if not kinds or unpack_from(">I", data, kinds[0] + 4) != (1,):
        raise NotTold("several descriptions")
    if not delays:
        return identity, None
    edits = inside(data, at, end, b"edts", b"elst")
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
