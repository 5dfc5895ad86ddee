"""Whether a file says that its pictures are encrypted, which is told where none of them can be decoded."""

import re
from pathlib import Path
from struct import error as StructError
from struct import unpack_from
from typing import BinaryIO

#: Boxes side by side, and bytes of an index or of a beginning, that are looked at.
_MOST, _LOOKED = 10_000, 2**24
#: A description of samples as ISO/IEC 23001-7 has it, or Apple's own; an encoding of Matroska's that is an encryption.
_ENTRY = re.compile(rb"stsd.{12}(?:encv|drmi)", re.DOTALL)
_ENCODING = re.compile(rb"\x6d\x80.{1,64}\x50\x35", re.DOTALL)
_CLUSTER = b"\x1f\x43\xb6\x75"


def encrypted(path: Path, demuxer: str) -> bool:
    """Looks into MP4, MOV and Matroska; of others nothing is known."""
    with path.open("rb") as file:
        if demuxer == "mov":
            return bool(_ENTRY.search(_index(file)))
        # Up to the first cluster: behind it any bytes may stand.
        return demuxer == "matroska" and bool(_ENCODING.search(file.read(_LOOKED).partition(_CLUSTER)[0]))


def _index(file: BinaryIO) -> bytes:
    """The beginning of the file's first index."""
    at = 0
    for _ in range(_MOST):
        file.seek(at)
        head = file.read(16)
        try:
            length, kind = unpack_from(">I4s", head)
            if length == 1:
                (length,) = unpack_from(">Q", head, 8)
        except StructError:
            return b""
        if kind == b"moov":
            return head + file.read(_LOOKED)
        if length < 8:
            return b""
        at += length
    return b""
