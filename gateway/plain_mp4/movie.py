"""Writes the beginning of a plain MP4: all tables (``moov``), and the head of the box that holds what comes behind."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from math import ceil
from struct import pack, pack_into, unpack_from

from gateway.plain_mp4.fragments import Samples, boxes, inside

#: Ticks per second of times that are of no single track.
_MOVIE = 1000
#: ``iso4`` knows offsets below zero (8.6.1.3), by which a sample is shown when it is decoded and not later.
_BRANDS = b"isom" + pack(">I", 0x200) + b"isomiso4avc1mp41"
_MATRIX = pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_ONCE = 0x10000


@dataclass(frozen=True, slots=True)
class Edit:
    """What is shown of a track: ``length`` ticks of it, from ``begins`` ticks after its first sample's decoding on."""

    begins: int
    length: int


@dataclass(frozen=True, slots=True)
class Track:
    """An initialization segment of one track and all samples, whose positions are those behind the beginning.

    Without an ``edit`` all of it is shown.
    """

    init: bytes
    samples: Samples
    edit: Edit | None = None

    @property
    def timescale(self) -> int:
        """Ticks per second."""
        media = inside(self.init, b"moov", b"trak", b"mdia", b"mdhd")
        return int(unpack_from(">I", media, 20 if media[0] else 12)[0])

    @property
    def ticks(self) -> int:
        """How long it is."""
        return self.samples.ends - (self.samples.begins or 0)

    @property
    def shown(self) -> Fraction:
        """When its first sample is shown, in seconds."""
        return Fraction((self.samples.begins or 0) + self.samples.offsets[0], self.timescale)


def beginning(tracks: Sequence[Track], size: int) -> bytes:
    """What stands before the ``size`` bytes in which the samples lie. All tracks begin as they do in the fragments."""
    kind = _box(b"ftyp", _BRANDS)
    header, *described = _movie(tracks)
    head = pack(">I4sQ", 1, b"mdat", 16 + size)
    moved = len(kind) + len(_box(b"moov")) + len(header) + sum(map(len, described)) + len(head)
    placed = (_placed(each, track, moved) for each, track in zip(described, tracks, strict=True))
    return kind + _box(b"moov", header, *placed) + head


def _movie(tracks: Sequence[Track]) -> list[bytes]:
    """The boxes of the movie: its header, and each track's with places that are still those behind the beginning.

    Ranges that are cut out are told in the ticks of the first track, to the tick; whole tracks in milliseconds.
    """
    scale = tracks[0].timescale if tracks[0].edit else _MOVIE
    first = min(track.shown for track in tracks)
    late = [0 if track.edit else round((track.shown - first) * scale) for track in tracks]
    lengths = [
        ceil(Fraction(track.edit.length if track.edit else track.ticks, track.timescale) * scale) for track in tracks
    ]
    duration = max(map(sum, zip(late, lengths, strict=True)))
    told = pack(">5I", 0, 0, 0, scale, duration) + pack(">IHHII", _ONCE, 0x100, 0, 0, 0)
    header = _box(b"mvhd", told, _MATRIX, bytes(24), pack(">I", len(tracks) + 1))
    return [
        header,
        *(_track(track, number, late[number - 1], lengths[number - 1]) for number, track in enumerate(tracks, 1)),
    ]


def _placed(described: bytes, track: Track, moved: int) -> bytes:
    """A track's box, which ends with the places of its samples, with each of these ``moved``."""
    places = array("Q", (moved + start for start in track.samples.starts))
    return described[: len(described) - 8 * len(places)] + _words(places)


def _track(track: Track, number: int, late: int, length: int) -> bytes:
    described = inside(track.init, b"moov", b"trak")
    media = inside(described, b"mdia")
    header, clock = bytearray(inside(described, b"tkhd")), bytearray(inside(media, b"mdhd"))
    pack_into(">I", header, 20 if header[0] else 12, number)
    pack_into(">Q" if header[0] else ">I", header, 28 if header[0] else 20, late + length)
    pack_into(">Q" if clock[0] else ">I", clock, 24 if clock[0] else 16, track.ticks)
    information = [_box(kind, content) for kind, content in boxes(inside(media, b"minf")) if kind != b"stbl"]
    table = _table(track.samples, inside(media, b"minf", b"stbl", b"stsd"))
    handler = _box(b"hdlr", inside(media, b"hdlr"))
    inner = _box(b"mdia", _box(b"mdhd", clock), handler, _box(b"minf", *information, table))
    return _box(b"trak", _box(b"tkhd", header), _edits(track, late, length), inner)


def _edits(track: Track, late: int, length: int) -> bytes:
    """Nothing, where the track is shown from its first tick on, as it is made here."""
    if track.edit:
        return _box(b"edts", _box(b"elst", pack(">II", 0, 1), pack(">IiI", length, track.edit.begins, _ONCE)))
    after = track.samples.offsets[0]
    if not late and after <= 0:
        return b""
    edits = [pack(">IiI", late, -1, _ONCE)] if late else []
    edits.append(pack(">IiI", length, max(0, after), _ONCE))
    return _box(b"edts", _box(b"elst", pack(">II", 0, len(edits)), *edits))


def _table(samples: Samples, description: bytes) -> bytes:
    """The places of samples come last."""
    found = [_box(b"stsd", description), _box(b"stts", _runs(0, samples.durations, "I"))]
    if any(samples.offsets):
        found.append(_box(b"ctts", _runs(1 << 24, samples.offsets, "i")))
    if len(samples.sync) < len(samples.sizes):
        found.append(_box(b"stss", pack(">II", 0, len(samples.sync)), _words(samples.sync)))
    changes = [
        (number, count)
        for number, count in enumerate(samples.counts, 1)
        if number == 1 or count != samples.counts[number - 2]
    ]
    found.append(_box(b"stsc", pack(">II", 0, len(changes)), *(pack(">III", *each, 1) for each in changes)))
    found.append(_box(b"stsz", pack(">III", 0, 0, len(samples.sizes)), _words(samples.sizes)))
    found.append(_box(b"co64", pack(">II", 0, len(samples.starts)), _words(samples.starts)))
    return _box(b"stbl", *found)


def _runs(version: int, values: Iterable[int], of: str) -> bytes:
    """How often each value comes behind itself, and the value."""
    pairs = [pack(f">I{of}", sum(1 for _ in alike), value) for value, alike in groupby(values)]
    return pack(">II", version, len(pairs)) + b"".join(pairs)


def _words(values: "array[int]") -> bytes:
    return pack(f">{len(values)}{values.typecode}", *values)


def _box(kind: bytes, *contents: bytes | bytearray) -> bytes:
    inner = b"".join(contents)
    return pack(">I4s", 8 + len(inner), kind) + inner
