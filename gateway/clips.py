"""A range of a rendition with its sound as a plain MP4: exact to the picture, and nothing is encoded.

The file holds the samples of the range and those before it that its first picture needs; an edit list says which are
shown. Its beginning is made for whoever asks, of the few segments in which the range lies, and remembered for a while
by the process, as players and downloads ask for one part after another.
"""

from bisect import bisect_right
from collections import OrderedDict
from fractions import Fraction
from hashlib import sha256
from itertools import accumulate
from threading import Lock

from broker.errors import InvalidInput
from broker.media import paths
from broker.media.records import MediaRecord
from broker.media.storage import StoredObject
from gateway import stored_samples
from gateway.current import broker
from gateway.downloads import Download, chosen
from gateway.plain_mp4 import cut
from gateway.plain_mp4.cut import Cut
from gateway.plain_mp4.movie import Track, beginning
from gateway.rendition import Range
from gateway.stored_samples import StoredSamples

#: Seconds by which a range may pass the end, which is told rounded.
_ROUNDING = 0.001
#: Bytes of beginnings that a process remembers.
_REMEMBERED = 16 * 2**20


def clip(record: MediaRecord, variant: str | None, wanted: Range) -> Download:
    """A range of the rendition of this name, or of the largest: the pictures that begin in it, and the sound beside.

    Raises ``NotCompleted``, ``InvalidInput`` for a range in which no picture begins and for a name that no rendition
    has, and ``Unavailable``.
    """
    playlist = chosen(record, variant)["playlist"]
    start, end = _checked(wanted, record.info.get("duration_seconds") or 0.0)
    key = (record.tenant, record.id, playlist, start, end)
    found = _known.get(key)
    if found is None:
        found = _made(record, stored_samples.read(record, playlist, (start, end)), start, end)
        _known.put(key, found)
    return found


def _checked(wanted: Range, length: float) -> tuple[Fraction, Fraction]:
    if wanted.start >= length:
        raise _wrong("start", f"The video ends at {length:g} s.")
    if wanted.end is not None and wanted.end > length + _ROUNDING:
        raise _wrong("end", f"The video ends at {length:g} s.")
    end = length if wanted.end is None else wanted.end
    return _exact(wanted.start), _exact(end) if end < length else _exact(length) + 1


def _exact(seconds: float) -> Fraction:
    """To the microsecond, as it was written."""
    return Fraction(round(seconds * 1_000_000), 1_000_000)


def _wrong(member: str, detail: str) -> InvalidInput:
    return InvalidInput(errors=[{"pointer": member, "detail": detail}])


def _made(record: MediaRecord, found: StoredSamples, start: Fraction, end: Fraction) -> Download:
    cuts, inits = _cuts(found, start, end)
    samples, runs = cut.laid_out(cuts)
    tracks = [Track(init, each, one.edit) for init, each, one in zip(inits, samples, cuts, strict=True)]
    head = beginning(tracks, sum(size for _, size in runs))
    ends = list(accumulate(each.size for each in found.segments))
    parts = []
    for at, size in runs:
        number = bisect_right(ends, at)
        segment = found.segments[number]
        key = paths.hls(record.tenant, record.id, segment.name)
        parts.append((key, at - (ends[number] - segment.size), size))
    etag = sha256(head + repr([(name, *place) for name, *place in parts]).encode()).hexdigest()[:32]
    stored = StoredObject(len(head) + sum(size for *_, size in parts), etag)
    return Download(stored, broker().storage, parts, head)


def _cuts(found: StoredSamples, start: Fraction, end: Fraction) -> tuple[list[Cut], list[bytes]]:
    """Of each track that has a part in it, the pictures first; with their initialization segments."""
    scales = [Track(*each).timescale for each in zip(found.inits, found.samples, strict=True)]
    pictures = cut.pictures(found.samples[0], scales[0], start, end) if found.samples[0].sizes else None
    if pictures is None:
        raise _wrong("end", "No picture begins in this range; make it longer.")
    cuts, inits = [pictures], found.inits[:1]
    for init, samples, scale in zip(found.inits[1:], found.samples[1:], scales[1:], strict=True):
        heard = cut.sound(samples, scale, *pictures.shown) if samples.sizes else None
        if heard:
            cuts.append(heard)
            inits.append(init)
    return cuts, inits


class _Known:
    """Clips that were asked for last, as many as fit."""

    def __init__(self) -> None:
        self._clips: OrderedDict[tuple[object, ...], Download] = OrderedDict()
        self._lock = Lock()

    def get(self, key: tuple[object, ...]) -> Download | None:
        with self._lock:
            if key in self._clips:
                self._clips.move_to_end(key)
            return self._clips.get(key)

    def put(self, key: tuple[object, ...], clip: Download) -> None:
        with self._lock:
            self._clips[key] = clip
            while sum(map(_weight, self._clips.values())) > _REMEMBERED:
                self._clips.popitem(last=False)


def _weight(clip: Download) -> int:
    """Bytes that one takes, about."""
    return len(clip.head) + 200 * len(clip.parts) + 1000


_known = _Known()
