"""Reads what playlists need from fragmented MP4: sample counts, times and the codec (ISO/IEC 14496-12 and -15)."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from struct import unpack_from

from handlers.transcoding.codec_names import codec_name

#: Of a fragment header, which optional fields are there (ISO/IEC 14496-12, 8.8.7 and 8.8.8).
_TFHD_FIELDS = ((0x1, 8), (0x2, 4))
_TFHD_DURATION = 0x8
_TRUN_HEADER = ((0x1, 4), (0x4, 4))
_TRUN_DURATION = 0x100
_TRUN_SAMPLE = (0x100, 0x200, 0x400, 0x800)


@dataclass(frozen=True, slots=True)
class Init:
    """An initialization segment: ticks per second, and the codec's RFC 6381 name."""

    timescale: int
    codec: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A media segment. ``start`` is the decode time of its first sample; both times are in seconds."""

    name: str
    bytes: int
    start: Fraction
    samples: int
    duration: Fraction


def read_init(path: Path) -> Init:
    """Raises ``ValueError`` when a box is missing."""
    track = _inside(path.read_bytes(), b"moov", b"trak", b"mdia")
    header = _inside(track, b"mdhd")
    (timescale,) = unpack_from(">I", header, 20 if header[0] else 12)
    descriptions = _inside(track, b"minf", b"stbl", b"stsd")
    ((kind, entry),) = _boxes(descriptions[8:])
    return Init(timescale, codec_name(kind, entry))


def read_segment(path: Path, timescale: int) -> Segment:
    """Adds up all fragments of a segment. Raises ``ValueError`` when a box is missing."""
    data = path.read_bytes()
    fragments = [_inside(body, b"traf") for kind, body in _boxes(data) if kind == b"moof"]
    if not fragments:
        raise ValueError(f"{path.name} holds no fragment")
    counted = [_run(fragment) for fragment in fragments]
    samples, ticks = (sum(column) for column in zip(*counted, strict=True))
    start = Fraction(_decode_time(fragments[0]), timescale)
    return Segment(path.name, len(data), start, samples, Fraction(ticks, timescale))


def _decode_time(fragment: bytes) -> int:
    box = _inside(fragment, b"tfdt")
    return int(unpack_from(">Q" if box[0] else ">I", box, 4)[0])


def _run(fragment: bytes) -> tuple[int, int]:
    """Samples of a fragment and their duration in ticks."""
    default = _default_duration(_inside(fragment, b"tfhd"))
    samples = ticks = 0
    for kind, box in _boxes(fragment):
        if kind != b"trun":
            continue
        flags, count = unpack_from(">II", box)
        at = 8 + sum(size for bit, size in _TRUN_HEADER if flags & bit)
        step = 4 * sum(bool(flags & bit) for bit in _TRUN_SAMPLE)
        durations = (unpack_from(">I", box, at + step * number)[0] for number in range(count))
        ticks += sum(durations) if flags & _TRUN_DURATION else count * default
        samples += count
    return samples, ticks


def _default_duration(box: bytes) -> int:
    (flags,) = unpack_from(">I", box)
    if not flags & _TFHD_DURATION:
        return 0
    at = 8 + sum(size for bit, size in _TFHD_FIELDS if flags & bit)
    return int(unpack_from(">I", box, at)[0])


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and content of the boxes that lie side by side in ``data``."""
    at = 0
    while at + 8 <= len(data):
        size, kind = unpack_from(">I4s", data, at)
        if size < 8:
            raise ValueError(f"box {kind!r} has the size {size}")
        yield kind, data[at + 8 : at + size]
        at += size


def _inside(data: bytes, *path: bytes) -> bytes:
    """The content of the first box at ``path``."""
    for wanted in path:
        found = next((content for kind, content in _boxes(data) if kind == wanted), None)
        if found is None:
            raise ValueError(f"there is no {wanted.decode()} box")
        data = found
    return data
