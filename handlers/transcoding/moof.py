"""Reads what the fragments of an MP4 file say of their tracks (ISO/IEC 14496-12, 8.8), where nothing else does."""

import sys
from array import array
from struct import unpack_from

from handlers.transcoding.iso_boxes import NotTold, boxes, inside

#: Flags of a run (8.8.8): what stands before its samples, and what each of them has, the last of which is the delay.
_OFFSET, _FIRST_FLAGS, _OF_SAMPLES, _DELAY = 0x1, 0x4, (0x100, 0x200, 0x400, 0x800), 0x800


def add_delays(found: dict[int, "array[int]"], moof: bytes, most: int) -> None:
    """The delays of a fragment's samples, behind those before it, by tracks' ids; at most so many of each.

    Raises ``NotTold``, and ``struct.error`` or ``IndexError`` for damage.
    """
    for kind, at, end in boxes(moof, 0, len(moof)):
        if kind != b"traf":
            continue
        header = inside(moof, at, end, b"tfhd")
        if not header or not inside(moof, at, end, b"tfdt"):
            raise NotTold("a fragment without its time")
        delays = found.get(unpack_from(">I", moof, header[0] + 4)[0])
        if delays is None:
            raise NotTold("a fragment of no track")
        for name, start, stop in boxes(moof, at, end):
            if name == b"trun":
                delays.extend(_delays(moof, start, stop, most - len(delays)))


def _delays(data: bytes, at: int, end: int, most: int) -> "array[int]":
    flags, count = unpack_from(">II", data, at)
    if count > most:
        raise NotTold("a very long track")
    if not flags & _DELAY:
        zeros: array[int] = array("i", bytes(4)) * count
        return zeros
    width = sum(bool(flags & each) for each in _OF_SAMPLES)
    at += 8 + 4 * (bool(flags & _OFFSET) + bool(flags & _FIRST_FLAGS))
    if at + 4 * width * count > end:
        raise NotTold("damaged")
    words: array[int] = array("i", data[at : at + 4 * width * count])
    if sys.byteorder == "little":
        words.byteswap()
    delays: array[int] = words[width - 1 :: width]
    return delays
