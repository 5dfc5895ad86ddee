"""Pictures of any size, made at once: flat JPEGs byte by byte; HEIC and AVIF of one tile repeated, as telephones do."""

import io
import struct
from collections.abc import Iterable
from math import ceil

from PIL import Image
from pillow_heif import register_heif_opener

register_heif_opener()

#: Huffman tables in which the symbol 0 is the bit 0: a DC coefficient as the one before, the end of a block.
_ZEROS = bytes([1, 1, *[0] * 14, 0, 1])


def flat_jpeg(width: int, height: int, *, progressive: bool = False, sampling: int = 0x22) -> bytes:
    """Grey, in three colours; ``sampling`` is 0x11 where colours are as fine as light."""
    components = [(1, sampling), (2, 0x11), (3, 0x11)]
    units = ceil(width / (8 * (sampling >> 4))) * ceil(height / (8 * (sampling & 15)))
    of_light = ceil(width / 8) * ceil(height / 8)
    of_colour = ceil(width / (8 * (sampling >> 4))) * ceil(height / (8 * (sampling & 15)))
    interleaved = units * ((sampling >> 4) * (sampling & 15) + 2)
    frame = struct.pack(">BHHB", 8, height, width, 3) + b"".join(bytes([each, how, 0]) for each, how in components)
    quantization, huffman = bytes([0, *[16] * 64]), b"".join(bytes([each]) + _ZEROS for each in (0x00, 0x10))
    parts = [b"\xff\xd8", _segment(0xDB, quantization), _segment(0xC4, huffman)]
    if not progressive:
        parts += [_segment(0xC0, frame), *_scan([1, 2, 3], 0, 63, 2 * interleaved)]
    else:
        parts += [_segment(0xC2, frame), *_scan([1, 2, 3], 0, 0, interleaved)]
        for each, blocks in ((1, of_light), (2, of_colour), (3, of_colour)):
            parts += _scan([each], 1, 63, blocks)
    return b"".join([*parts, b"\xff\xd9"])


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _scan(components: list[int], first: int, last: int, bits: int) -> Iterable[bytes]:
    named = b"".join(bytes([each, 0]) for each in components)
    return _segment(0xDA, bytes([len(components)]) + named + bytes([first, last, 0])), bytes(ceil(bits / 8))


def tiled(kind: str, columns: int, rows: int, tile: Image.Image) -> bytes:
    """``HEIF`` or ``AVIF``: a grid (ISO/IEC 23008-12) of so many times the tile, whose bytes stand in the file once."""
    buffer = io.BytesIO()
    tile.save(buffer, kind, quality=60, **({"speed": 10} if kind == "AVIF" else {}))
    brand, coded, configured = (b"heic", b"hvc1", b"hvcC") if kind == "HEIF" else (b"avif", b"av01", b"av1C")
    single = buffer.getvalue()
    count, size = columns * rows, (columns * tile.width, rows * tile.height)
    grid = struct.pack(">BBBBII", 0, 1, rows - 1, columns - 1, *size)
    data = _content(single, b"mdat")
    items = [(1, b"grid"), *((number, coded) for number in range(2, count + 2))]
    entries = b"".join(_box(b"infe", struct.pack(">IHH", 2 << 24, number, 0) + of + b"\0") for number, of in items)
    properties = [
        _box(configured, _content(single, configured)),
        _box(b"ispe", struct.pack(">III", 0, tile.width, tile.height)),
        _box(b"ispe", struct.pack(">III", 0, *size)),
    ]
    associations = [(1, [3]), *((number, [0x81, 2]) for number in range(2, count + 2))]
    flat = b"".join(struct.pack(">HB", number, len(them)) + bytes(them) for number, them in associations)

    def meta(start: int) -> bytes:
        places = [(1, start, len(grid)), *((number, start + len(grid), len(data)) for number in range(2, count + 2))]
        located = b"".join(struct.pack(">HHHII", number, 0, 1, at, length) for number, at, length in places)
        references = struct.pack(">HH", 1, count) + b"".join(
            struct.pack(">H", number) for number in range(2, count + 2)
        )
        return _box(
            b"meta",
            b"\0\0\0\0"
            + _box(b"hdlr", b"\0" * 8 + b"pict" + b"\0" * 13)
            + _box(b"pitm", struct.pack(">IH", 0, 1))
            + _box(b"iloc", struct.pack(">IBBH", 0, 0x44, 0, count + 1) + located)
            + _box(b"iinf", struct.pack(">IH", 0, count + 1) + entries)
            + _box(b"iref", b"\0\0\0\0" + _box(b"dimg", references))
            + _box(
                b"iprp",
                _box(b"ipco", b"".join(properties)) + _box(b"ipma", struct.pack(">II", 0, count + 1) + flat),
            ),
        )

    head = _box(b"ftyp", brand + b"\0\0\0\0" + brand + b"mif1" + b"miaf")
    return head + meta(len(head) + len(meta(0)) + 8) + _box(b"mdat", grid + data)


def _box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + name + body


def _content(file: bytes, name: bytes) -> bytes:
    """Of the first box of this name."""
    at = file.index(name)
    (length,) = struct.unpack(">I", file[at - 4 : at])
    return file[at + 4 : at - 4 + (length or len(file) - at + 4)]
