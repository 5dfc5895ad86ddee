"""What a segment of an MPEG-2 transport stream says of itself (ISO/IEC 13818-1): tables, times, and first picture."""

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

#: The first byte of a packet, and bytes of one.
SYNC, PACKET = 0x47, 188
#: Ticks of a second, and of the clock until it begins again.
_TICKS, _WRAP = 90_000, 2**33
#: Stream types (2.4.4.9) of pictures, and how the first of them is one at which decoding can start (IDR; BLA to CRA).
_H264, _HEVC = 0x1B, 0x24
_STARTS = {_H264: re.compile(rb"\0\0\x01[\x05\x25\x45\x65]"), _HEVC: re.compile(rb"\0\0\x01[\x20-\x2b]")}
_VIDEO = frozenset({0x01, 0x02, 0x10, _H264, _HEVC})
#: Bytes of the first picture that are looked at.
_LOOKED = 2**20


@dataclass(frozen=True, slots=True)
class Transport:
    """A segment. ``start`` is its first time in ticks, ``None`` where nothing in it has one."""

    start: int | None
    #: Seconds from the first to the last time of its pictures, or of its sound; and the longest between two of them.
    span: Fraction
    gap: Fraction
    #: Whether its first picture is one at which decoding can start; ``None`` where nobody has looked.
    begins_anew: bool | None


def read_transport(data: bytes) -> Transport:
    """Raises ``ValueError`` for what is no whole transport stream with its tables."""
    if not data or len(data) % PACKET or set(data[::PACKET]) != {SYNC}:
        raise ValueError("is no whole transport stream")
    streams, tables = _streams(data)
    if not tables or not streams:
        raise ValueError("has no tables of its streams (PAT and PMT)")
    pid = next((each for each, kind in streams.items() if kind in _VIDEO), next(iter(streams)))
    first, times = b"", []
    for begins, payload in _payloads(data, {pid}):
        if begins and (time := _time(payload)) is not None:
            times.append(time)
        if len(times) == 1 and len(first) < _LOOKED:
            first += payload
    pattern = _STARTS.get(streams[pid])
    if not times:
        return Transport(None, Fraction(0), Fraction(0), None)
    order = sorted(between(times[0], each) for each in times)
    gap = max((two - one for one, two in pairwise(order)), default=0)
    return Transport(
        (times[0] + order[0]) % _WRAP,
        Fraction(order[-1] - order[0], _TICKS),
        Fraction(gap, _TICKS),
        bool(pattern.search(first)) if pattern else None,
    )


def between(one: int, two: int) -> int:
    """Ticks from one time to the other, whichever way is shorter."""
    return (two - one + _WRAP // 2) % _WRAP - _WRAP // 2


def seconds(ticks: int) -> Fraction:
    return Fraction(ticks, _TICKS)


def _streams(data: bytes) -> tuple[dict[int, int], set[int]]:
    """Kinds of the elementary streams by their packets' identifiers, and where the tables of programs lie."""
    streams: dict[int, int] = {}
    tables: set[int] = set()
    for _, payload in _payloads(data, {0}):
        section = _section(payload)
        for at in range(5, len(section) - 3, 4):
            if int.from_bytes(section[at : at + 2]):
                tables.add(int.from_bytes(section[at + 2 : at + 4]) & 0x1FFF)
    for _, payload in _payloads(data, tables):
        section = _section(payload)
        at = 9 + (int.from_bytes(section[7:9]) & 0xFFF)
        while at + 5 <= len(section):
            streams[int.from_bytes(section[at + 1 : at + 3]) & 0x1FFF] = section[at]
            at += 5 + (int.from_bytes(section[at + 3 : at + 5]) & 0xFFF)
    return streams, tables


def _section(payload: bytes) -> bytes:
    """A table that lies in one packet, behind its length and before its check sum."""
    at = 1 + payload[0] if payload else 0
    length = int.from_bytes(payload[at + 1 : at + 3]) & 0xFFF
    return payload[at + 3 : at + 3 + max(0, length - 4)]


def _payloads(data: bytes, pids: Container[int]) -> Iterator[tuple[bool, bytes]]:
    """Of the packets with these identifiers, whether a unit begins in it, and what it carries."""
    for at in range(0, len(data), PACKET):
        if (data[at + 1] & 0x1F) << 8 | data[at + 2] not in pids or not data[at + 3] & 0x10:
            continue
        skipped = 5 + data[at + 4] if data[at + 3] & 0x20 else 4
        yield bool(data[at + 1] & 0x40), data[at + min(skipped, PACKET) : at + PACKET]


def _time(payload: bytes) -> int | None:
    """When a unit is to be shown, in ticks, if it says so."""
    if len(payload) < 14 or payload[:3] != b"\0\0\1" or not payload[7] & 0x80:
        return None
    high, middle, low = payload[9], int.from_bytes(payload[10:12]), int.from_bytes(payload[12:14])
    return (high >> 1 & 7) << 30 | middle >> 1 << 15 | low >> 1
