"""What fragmented MP4 says of itself (ISO/IEC 14496-12): codec, size, and every sample with its time.

It reads apart from what the transcoder goes by, so that one checks the other.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from struct import error as StructError
from struct import unpack_from

from handlers.transcoding.codec_names import VISUAL_ENTRY, codec_name
from handlers.transcoding.validation.av1 import begins_anew

_CONTAINERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf", b"edts", b"mvex"})
#: sample_is_non_sync_sample (8.8.3.1), and what says in a trun that its samples, or its first, have flags.
_NON_SYNC, _FIRST_FLAGS, _DURATIONS, _SIZES, _FLAGS, _OFFSETS = 0x10000, 0x4, 0x100, 0x200, 0x400, 0x800


#: Samples of one run: an hour of sound has a sixth of them.
_MOST_SAMPLES = 1_000_000


@dataclass(frozen=True, slots=True)
class TrackFacts:
    """An initialization segment. Sizes are pixels, 0 for sound."""

    kind: str
    codec: str
    timescale: int
    width: int
    height: int
    edit_list: bool
    #: Bytes of the length before each NAL unit; 0 where there are none.
    nal_length: int
    #: Flags and length of samples of which a fragment says nothing.
    default_duration: int
    default_flags: int
    #: Which of the tracks it is, and the codecs of those beside it: sound, where it is not apart.
    number: int | None = None
    beside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """A media segment. Times are seconds; ``key_frames`` and ``shown`` are ``None`` where nobody has looked."""

    bytes: int
    start: Fraction
    samples: int
    duration: Fraction
    #: Times, from the start of the part, of the samples at which decoding can start.
    key_frames: tuple[Fraction, ...] | None = None
    #: When the first picture is shown.
    shown: Fraction | None = None
    #: Whether the first sample is one that nothing after it looks back beyond (IDR); ``None`` where that is not told.
    refreshed: bool | None = None
    #: What is unsound inside, in words.
    flaws: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """Times in ticks, ``offset`` from decoding to showing; ``at`` is where its bytes begin."""

    start: int
    duration: int
    offset: int
    sync: bool
    at: int
    size: int


def read_init(data: bytes) -> TrackFacts:
    """Of several tracks the one with the pictures. Raises ``ValueError`` for anything but an initialization segment."""
    try:
        boxes = dict(_walk(data))
        defaults = {unpack_from(">I", body, 4)[0]: body for kind, body in _walk(data) if kind == b"trex"}
        tracks = [_track(body, defaults) for body in _tracks(data)]
    except (KeyError, StructError, IndexError) as error:
        raise ValueError(f"is no initialization segment: {error!r}") from error
    if not tracks or b"moov" not in boxes:
        raise ValueError("is no initialization segment: there is no track in it")
    found = next((each for each in tracks if each.kind == "video"), tracks[0])
    beside = tuple(each.codec for each in tracks if each is not found)
    return found if not beside else replace(found, beside=beside)


def _tracks(data: bytes) -> Iterator[bytes]:
    for kind, moov in _side_by_side(data):
        if kind == b"moov":
            yield from (body for inner, body in _side_by_side(moov) if inner == b"trak")


def _track(trak: bytes, defaults: Mapping[int, bytes]) -> TrackFacts:
    boxes = dict(_walk(trak))
    header, descriptions = boxes[b"mdhd"], boxes[b"stsd"]
    (timescale,) = unpack_from(">I", header, 20 if header[0] else 12)
    if not timescale:
        raise ValueError("is no initialization segment: a second has no ticks")
    (number,) = unpack_from(">I", boxes[b"tkhd"], 20 if boxes[b"tkhd"][0] else 12)
    kind = {b"vide": "video", b"soun": "audio"}.get(boxes[b"hdlr"][8:12], "other")
    ((entry_kind, entry), *_) = _side_by_side(descriptions[8:])
    width, height = unpack_from(">HH", entry, 24) if kind == "video" else (0, 0)
    inner = dict(_side_by_side(entry[VISUAL_ENTRY:])) if kind == "video" else {}
    nal = {b"avcC": 4, b"hvcC": 21}
    nal_length = next((1 + (inner[name][at] & 3) for name, at in nal.items() if name in inner), 0)
    duration, _, flags = unpack_from(">III", defaults[number], 12) if number in defaults else (0, 0, 0)
    return TrackFacts(
        kind, codec_name(entry_kind, entry), timescale, width, height, b"elst" in boxes, nal_length, duration, flags,
        number,
    )  # fmt: skip


def read_samples(data: bytes, track: TrackFacts) -> list[Sample]:
    """All samples of a media segment, in order. Raises ``ValueError`` for what holds no whole fragment."""
    samples: list[Sample] = []
    at = 0
    while at + 8 <= len(data):
        size, kind = unpack_from(">I4s", data, at)
        if size < 8 or at + size > len(data):
            raise ValueError(f"is cut off: a box of {size} bytes at {at}, of {len(data)} bytes")
        if kind == b"moof":
            samples += _moof(data[at + 8 : at + size], at, track)
        at += size
    if not samples:
        raise ValueError("holds no sample")
    if any(sample.at + sample.size > len(data) for sample in samples):
        raise ValueError(f"is cut off: a sample ends beyond its {len(data)} bytes")
    return samples


def read_part(data: bytes, track: TrackFacts) -> Part:
    """Raises ``ValueError`` for what holds no whole fragment."""
    samples = read_samples(data, track)
    leaps = [at for at, (one, two) in enumerate(pairwise(samples), 1) if two.start != one.start + one.duration]
    first, scale = samples[0], track.timescale
    return Part(
        bytes=len(data),
        start=Fraction(first.start, scale),
        samples=len(samples),
        duration=Fraction(sum(sample.duration for sample in samples), scale),
        key_frames=tuple(Fraction(each.start - first.start, scale) for each in samples if each.sync),
        shown=Fraction(min(sample.start + sample.offset for sample in samples), scale),
        refreshed=refreshed(data[first.at : first.at + first.size], track),
        flaws=tuple(f"decode times leap at sample {at}" for at in leaps) + _broken_units(data, samples, track),
    )


def _broken_units(data: bytes, samples: list[Sample], track: TrackFacts) -> tuple[str, ...]:
    """Samples of H.264 or HEVC that are not NAL units behind each other to their end: the first one, in words."""
    if not track.nal_length or track.kind != "video":
        return ()
    for number, sample in enumerate(samples):
        at, end = sample.at, sample.at + sample.size
        while at < end:
            length = int.from_bytes(data[at : at + track.nal_length])
            at += track.nal_length + length
            if not length or at > end:
                return (f"the bytes of sample {number} are no picture: its NAL units do not fill it",)
    return ()


def _moof(moof: bytes, moof_at: int, track: TrackFacts) -> Iterator[Sample]:
    try:
        for kind, body in _side_by_side(moof):
            if kind == b"traf" and (not track.beside or _number(body) == track.number):
                yield from _samples(body, moof_at, track)
    except (StructError, IndexError) as error:
        raise ValueError(f"is cut off or damaged: {error}") from error


def _number(traf: bytes) -> int | None:
    """Which track a fragment is of."""
    return next((int.from_bytes(body[4:8]) for kind, body in _side_by_side(traf) if kind == b"tfhd"), None)


def _samples(traf: bytes, moof_at: int, track: TrackFacts) -> Iterator[Sample]:
    start = duration = size = flags = 0
    for kind, body in _walk(traf):
        bits = int.from_bytes(body[1:4])
        if kind == b"tfhd":
            at = 8 + (8 if bits & 1 else 0) + (4 if bits & 2 else 0)
            values = []
            for bit, default in ((0x8, track.default_duration), (0x10, 0), (0x20, track.default_flags)):
                values.append(unpack_from(">I", body, at)[0] if bits & bit else default)
                at += 4 * bool(bits & bit)
            duration, size, flags = values
        elif kind == b"tfdt":
            (start,) = unpack_from(">Q" if body[0] else ">I", body, 4)
        elif kind == b"trun":
            for sample in _run(body, bits, start, (duration, size, flags), moof_at):
                yield sample
                start = sample.start + sample.duration


def _count(trun: bytes) -> int:
    (count,) = unpack_from(">I", trun, 4)
    if count > _MOST_SAMPLES:
        raise ValueError(f"is damaged: a run has {count} samples")
    return int(count)


def _run(body: bytes, bits: int, start: int, defaults: tuple[int, int, int], moof_at: int) -> Iterator[Sample]:
    count, at, data_at = _count(body), 8, moof_at
    if bits & 1:
        data_at += unpack_from(">i", body, at)[0]
        at += 4
    first = unpack_from(">I", body, at)[0] if bits & _FIRST_FLAGS else None
    at += 4 * bool(bits & _FIRST_FLAGS)
    for number in range(count):
        duration, size, flags = defaults
        offset = 0
        if bits & _DURATIONS:
            duration, at = unpack_from(">I", body, at)[0], at + 4
        if bits & _SIZES:
            size, at = unpack_from(">I", body, at)[0], at + 4
        if bits & _FLAGS:
            flags, at = unpack_from(">I", body, at)[0], at + 4
        elif number == 0 and first is not None:
            flags = first
        if bits & _OFFSETS:
            offset, at = unpack_from(">i", body, at)[0], at + 4
        yield Sample(start, duration, offset, not flags & _NON_SYNC, data_at, size)
        start, data_at = start + duration, data_at + size


def refreshed(sample: bytes, track: TrackFacts) -> bool | None:
    """Whether a sample holds the slices of an IDR picture (H.264: NAL type 5; HEVC: 16 to 21), or AV1's like of it."""
    if track.codec.startswith("av01"):
        return begins_anew(sample)
    if not track.nal_length or track.kind != "video":
        return None
    hevc, at = track.codec.startswith("h"), 0
    while at + track.nal_length < len(sample):
        length = int.from_bytes(sample[at : at + track.nal_length])
        head = sample[at + track.nal_length]
        kind = head >> 1 & 0x3F if hevc else head & 0x1F
        if (16 <= kind <= 21) if hevc else kind == 5:
            return True
        at += track.nal_length + length
    return False


def _walk(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """All boxes, containers opened, in the order of the file."""
    for kind, body in _side_by_side(data):
        yield kind, body
        if kind in _CONTAINERS:
            yield from _walk(body)


def _side_by_side(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(data):
        size, kind = unpack_from(">I4s", data, at)
        if size < 8 or at + size > len(data):
            raise ValueError(f"is cut off: the box {kind!r} has {size} bytes")
        yield kind, data[at + 8 : at + size]
        at += size
