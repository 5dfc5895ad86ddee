"""How large an AVIF or HEIC file says that its picture is (ISO/IEC 23008-12, 6.5.3), where a decoder does not tell.

Theirs refuse what is beyond bounds of their own as they refuse damage.
"""

from collections.abc import Iterator
from struct import unpack_from

#: Bytes in which all properties of a picture are described, and boxes side by side.
DESCRIPTION, _MOST = 2**20, 10_000


def claimed_pixels(data: bytes) -> int:
    """Of the largest item that is described in the beginning of a file; 0 where there is none."""
    sizes = [0]
    for meta in _inside(data, b"meta"):
        for properties in _inside(meta[4:], b"iprp"):
            for container in _inside(properties, b"ipco"):
                for extent in _inside(container, b"ispe"):
                    if len(extent) >= 12:
                        width, height = unpack_from(">II", extent, 4)
                        sizes.append(width * height)
    return max(sizes)


def _inside(data: bytes, wanted: bytes) -> Iterator[bytes]:
    """The contents of boxes of a kind, as far as they are there."""
    at = 0
    for _ in range(_MOST):
        if at + 8 > len(data):
            return
        length, kind = unpack_from(">I4s", data, at)
        if kind == wanted:
            yield data[at + 8 : at + length if length else len(data)]
        if length < 8:  # up to the end, or of more than four gigabytes
            return
        at += length
