"""How long a file says that it is, in bytes: what is shorter was cut off.

Containers that know it: ISO base media (ISO/IEC 14496-12), Matroska (RFC 9559), RIFF and ASF. Others (transport and
program streams, FLV, recordings that were written live) know no length, or only one in time; Ogg (RFC 3533) marks its
last page.
"""

from collections.abc import Iterator
from pathlib import Path
from struct import unpack_from
from typing import BinaryIO

_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_OGG_PAGE, _OGG_HEADER, _OGG_LAST, _LONGEST_OGG_PAGE = b"OggS\0", 27, 4, 65_307
#: Boxes, chunks or objects that are looked at side by side; a file of nothing else wastes no more time.
_MOST = 100_000


def declared_bytes(path: Path, demuxer: str) -> int | None:
    """Bytes that the file should have at least; ``None`` when it does not say, or says nonsense."""
    reader = {"mov": _boxes, "matroska": _matroska, "avi": _riff, "asf": _asf}.get(demuxer)
    if reader is None:
        return None
    with path.open("rb") as file:
        return max(reader(file, path.stat().st_size), default=None)


def unfinished(path: Path, demuxer: str) -> bool:
    """Whether a file that should have a mark at its end has none."""
    if demuxer != "ogg":
        return False
    with path.open("rb") as file:
        end = _read(file, max(0, path.stat().st_size - _LONGEST_OGG_PAGE), _LONGEST_OGG_PAGE)
    page = end[max(0, end.rfind(_OGG_PAGE)) :]
    if len(page) < _OGG_HEADER or not page[5] & _OGG_LAST:
        return True
    pieces = page[_OGG_HEADER : _OGG_HEADER + page[26]]
    return len(page) < _OGG_HEADER + page[26] + sum(pieces)


def _boxes(file: BinaryIO, size: int) -> Iterator[int]:
    """The end of each top-level box, and of what the index of a fragmented file lists.

    A size of 0 means up to the end of the file.
    """
    at = 0
    for _ in range(_MOST):
        head = _read(file, at, 16)
        if at >= size or len(head) < 8 or not all(0x20 <= each < 0x7F or each == 0xA9 for each in head[4:8]):
            return
        (length,) = unpack_from(">I", head)
        if length == 1 and len(head) == 16:
            (length,) = unpack_from(">Q", head, 8)
        if length < 8:
            return
        if head[4:8] == b"sidx":
            yield at + length + _listed(_read(file, at + 8, length - 8))
        at += length
        yield at


def _listed(index: bytes) -> int:
    """Bytes behind a segment index that it refers to (8.16.3)."""
    short = index[:1] == b"\0"
    at = 20 if short else 28
    if len(index) < at + 4:
        return 0
    offset = unpack_from(">I", index, 16)[0] if short else unpack_from(">Q", index, 20)[0]
    (count,) = unpack_from(">H", index, at + 2)
    references = range(at + 4, min(len(index) - 11, at + 4 + 12 * count), 12)
    return int(offset + sum(unpack_from(">I", index, each)[0] & 0x7FFFFFFF for each in references))


def _matroska(file: BinaryIO, _: int) -> Iterator[int]:
    """The end of the first segment, which holds all clusters."""
    at = 0
    for _ in range(2):
        head = _read(file, at, 12)
        kind, at = head[:4], at + 4
        width = 9 - head[4].bit_length() if len(head) == 12 and head[4] else 9
        if kind not in (_EBML, _SEGMENT) or width > 8:
            return
        length = int.from_bytes(head[4 : 4 + width]) & ~(1 << 7 * width)
        if length == (1 << 7 * width) - 1:  # unknown: it was written live
            return
        at += width + length
        if kind == _SEGMENT:
            yield at


def _riff(file: BinaryIO, size: int) -> Iterator[int]:
    """The end of each RIFF chunk: a large file has several (OpenDML)."""
    at = 0
    for _ in range(_MOST):
        head = _read(file, at, 8)
        if at >= size or len(head) < 8 or head[:4] != b"RIFF":
            return
        (length,) = unpack_from("<I", head, 4)
        if length in (0, 0xFFFFFFFF):  # the recorder died before it knew
            return
        at += 8 + length
        yield at


def _asf(file: BinaryIO, _: int) -> Iterator[int]:
    """What the file properties say, unless they are those of a broadcast (ASF specification, 3.2)."""
    if _read(file, 0, 16) != _ASF_HEADER:
        return
    at = 30
    for _ in range(100):
        head = _read(file, at, 92)
        if len(head) < 92:
            return
        if head[:16] == _ASF_FILE_PROPERTIES:
            size, flags = unpack_from("<Q", head, 40)[0], unpack_from("<I", head, 88)[0]
            if not flags & 1:
                yield size
            return
        at += max(24, unpack_from("<Q", head, 16)[0])


def _read(file: BinaryIO, at: int, size: int) -> bytes:
    try:
        file.seek(at)
        return file.read(size)
    except (OSError, OverflowError, ValueError):  # beyond what a file can have
        return b""
