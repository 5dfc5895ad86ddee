"""Reads fragmented MP4 for the validator: every sample with its time, as a player's source buffer would see it.

Written apart from the reader that the transcoder uses, so that one checks the other.
"""

import struct
from dataclasses import dataclass
from fractions import Fraction

_CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf", b"edts", b"mvex"}


@dataclass(frozen=True)
class Sample:
    """Times in seconds: decode, presentation, length."""

    decode: Fraction
    shown: Fraction
    length: Fraction


def walk(data: bytes) -> list[tuple[bytes, bytes]]:
    """All boxes, containers opened, in the order of the file."""
    found = []
    while data:
        size, kind = struct.unpack_from(">I4s", data)
        body, data = data[8:size], data[size:]
        found.append((kind, body))
        if kind in _CONTAINERS:
            found += walk(body)
    return found


def one(data: bytes, kind: bytes) -> bytes:
    """The only box of a kind."""
    (body,) = [body for each, body in walk(data) if each == kind]
    return body


def timescale(init: bytes) -> int:
    """Ticks per second of the only track."""
    header = one(init, b"mdhd")
    return struct.unpack_from(">I", header, 20 if header[0] else 12)[0]


def samples(segment: bytes, scale: int) -> list[Sample]:
    """The samples of a media segment."""
    found, at, default = [], 0, 0
    for kind, body in walk(segment):
        flags = int.from_bytes(body[1:4])
        if kind == b"tfhd":
            fields = iter(struct.unpack_from(f">{(len(body) - 8) // 4}I", body, 8))
            skipped = [next(fields) for bit, words in ((1, 2), (2, 1)) if flags & bit for _ in range(words)]
            assert len(skipped) <= 3
            default = next(fields) if flags & 8 else 0
        elif kind == b"tfdt":
            at = int.from_bytes(body[4:])
        elif kind == b"trun":
            for length, offset in _trun(body, flags, default):
                found.append(Sample(Fraction(at, scale), Fraction(at + offset, scale), Fraction(length, scale)))
                at += length
    return found


def _trun(body: bytes, flags: int, default: int) -> list[tuple[int, int]]:
    """Length and composition offset of each sample, in ticks."""
    count = int.from_bytes(body[4:8])
    at = 8 + 4 * bool(flags & 1) + 4 * bool(flags & 4)
    found = []
    for _ in range(count):
        length, offset = default, 0
        for bit in (0x100, 0x200, 0x400, 0x800):
            if flags & bit:
                word = body[at : at + 4]
                at += 4
                length = int.from_bytes(word) if bit == 0x100 else length
                offset = int.from_bytes(word, signed=True) if bit == 0x800 else offset
        found.append((length, offset))
    return found
