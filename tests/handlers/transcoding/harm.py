"""Files that are made to do harm, out of harmless ones."""

import struct
from collections.abc import Callable

#: ISO/IEC 14496-12: the boxes that hold the tables of a track.
TABLES = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
_DATA_REFERENCES = (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref")


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + kind + body


def edited(data: bytes, path: tuple[bytes, ...], change: Callable[[bytes], bytes]) -> bytes:
    """``data`` with other content in the first box at ``path``; what lies before it must not depend on its size."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if kind == path[0]:
            body = data[at + 8 : at + size]
            body = edited(body, path[1:], change) if path[1:] else change(body)
            return data[:at] + box(kind, body) + data[at + size :]
        at += size
    raise ValueError(f"there is no {path[0]!r}")


def table(name: bytes, *words: int) -> Callable[[bytes], bytes]:
    """Puts a table of 32-bit numbers (after version and flags) in the place of another."""
    content = struct.pack(f">{len(words) + 1}I", 0, *words)
    return lambda data: edited(data, (*TABLES, name), lambda _: content)


def elsewhere(data: bytes, path: str) -> bytes:
    """A QuickTime film whose data lie in another file, as its alias record says."""
    name = path.encode()
    names = struct.pack(">HH", 2, len(name)) + name + bytes(len(name) % 2) + struct.pack(">HH", 0xFFFF, 0)
    alias = bytes(4) + struct.pack(">HH", 150 + len(names), 2) + bytes(142) + names
    entry = box(b"alis", bytes(4) + alias)
    return edited(data, _DATA_REFERENCES, lambda _: struct.pack(">II", 0, 1) + entry)


def repeated(data: bytes, times: int) -> bytes:
    """A film of one picture whose index names it many times."""
    for change in (
        table(b"stts", 1, times, 512),
        table(b"stsc", 1, 1, 1, 1),
        table(b"stsz", len(data) // 2, times),
        table(b"stco", times, *([40] * times)),
    ):
        data = change(data)
    return data


def endless(data: bytes) -> bytes:
    """A small file whose index says that it has 268 million pictures of a byte each."""
    most = 0x0FFF_FFFF
    for change in (table(b"stts", 1, most, 1), table(b"stsc", 1, 1, most, 1), table(b"stsz", 1, most)):
        data = change(data)
    return data


def nested(depth: int) -> bytes:
    """Boxes within boxes."""
    inner = b""
    for _ in range(depth):
        inner = box(b"moov", inner)
    return box(b"ftyp", b"isom\0\0\0\0isom") + inner
