"""Walks the boxes of an MP4 or MOV file (ISO/IEC 14496-12, 4.2), of which only the index is read."""

from collections.abc import Iterator
from struct import unpack_from
from typing import BinaryIO

#: Boxes side by side, those of a file, in which fragments follow each other, and bytes of an index.
_MOST, _MOST_OF_FILE, _LARGEST = 10_000, 200_000, 2**27

#: A box's kind, and where its content begins and ends.
_Box = tuple[bytes, int, int]


class NotTold(ValueError):
    """The index does not say all, or not plainly."""


def read_index(file: BinaryIO, size: int) -> tuple[bytes, list[bytes]]:
    """The contents of the file's one ``moov``, and of each ``moof`` behind it. Raises ``NotTold``."""
    left, found, fragments = _LARGEST, b"", []
    for kind, at, end in _of_file(file, size):
        if kind not in (b"moov", b"moof"):
            continue
        left -= end - at
        if bool(found) != (kind == b"moof") or left < 0:
            raise NotTold("not one index, or a very large one")
        file.seek(at)
        content = file.read(end - at)
        if kind == b"moof":
            fragments.append(content)
        else:
            found = content
    if not found:
        raise NotTold("no index")
    return found, fragments


def _of_file(file: BinaryIO, size: int) -> Iterator[_Box]:
    """All boxes of a file of so many bytes."""
    at = 0
    for _ in range(_MOST_OF_FILE):
        file.seek(at)
        head = file.read(16)
        if not head:
            break
        length, kind = unpack_from(">I4s", head)
        before = 8
        if length == 1:
            (length,), before = unpack_from(">Q", head, 8), 16
        length = length or size - at
        if length < before or at + length > size:
            raise NotTold("damaged")
        yield kind, at + before, at + length
        at += length
    if at != size:
        raise NotTold("cut off")


def boxes(data: bytes, at: int, end: int) -> Iterator[_Box]:
    """Those side by side in a part of an index."""
    for _ in range(_MOST):
        if at + 8 > end:
            return
        length, kind = unpack_from(">I4s", data, at)
        if length < 8 or at + length > end:
            raise NotTold("damaged")
        yield kind, at + 8, at + length
        at += length


def inside(data: bytes, at: int, end: int, *way: bytes) -> tuple[int, int] | None:
    """Where the content of the one box on this way is."""
    for name in way:
        places = [(start, stop) for kind, start, stop in boxes(data, at, end) if kind == name]
        if len(places) > 1:
            raise NotTold("a box twice")
        if not places:
            return None
        at, end = places[0]
    return at, end
