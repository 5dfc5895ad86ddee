"""Which samples a rendition and its sound have, and where they lie, read from the segments where they are stored."""

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from posixpath import dirname, join
from threading import BoundedSemaphore
from typing import NamedTuple

from broker.errors import Unavailable
from broker.media import paths
from broker.media.records import MediaRecord
from broker.media.storage import Storage
from gateway import rendition
from gateway.current import broker
from gateway.plain_mp4 import fragments
from gateway.plain_mp4.fragments import Samples

#: Readings that one process does at once, the seconds for which one more waits, and segments read at once for each.
_AT_ONCE, _PATIENCE, _READERS = 2, 2.0, 16
#: Bytes of a segment that are read first, in which the head of a usual one is, and those that a head may have.
_FIRST, _MOST = 16 * 1024, 8 * 2**20
#: Seconds around a range in which segments are read: those of sound do not begin where those of pictures do.
_AROUND = 0.5
_SOUND = re.compile(r'#EXT-X-MEDIA:TYPE=AUDIO,[^\n]*?DEFAULT=YES[^\n]*?URI="([^"]+)"')
_reading = BoundedSemaphore(_AT_ONCE)


class Segment(NamedTuple):
    """A stored segment: its name below the video's streams, and its bytes."""

    name: str
    size: int


class StoredSamples(NamedTuple):
    """Initialization segments and samples of the pictures and, if there is any, of the sound.

    Places of samples count through all ``segments``, as if these lay behind each other.
    """

    inits: list[bytes]
    samples: list[Samples]
    segments: list[Segment]


def read(record: MediaRecord, playlist: str, within: tuple[Fraction, Fraction] | None = None) -> StoredSamples:
    """Those of the rendition that has this playlist, and of the sound that players begin with.

    ``within`` a range of seconds: those of segments that have a part in it. Raises ``Unavailable``, also when others
    are being read.
    """
    with _turn():
        names = [playlist, *_sound(record, dirname(playlist))]
        made = [rendition.read(_text(record, name)) for name in names]
        parts = _in_order([(dirname(name), each) for name, each in zip(names, made, strict=True)], within)
        samples = [Samples() for _ in names]
        inits = [_whole(record, join(dirname(name), each.init)) for name, each in zip(names, made, strict=True)]
        defaults = [fragments.defaults_of(init) for init in inits]
        position, segments = 0, []
        keys = [paths.hls(record.tenant, record.id, name) for _, name in parts]
        with ThreadPoolExecutor(_READERS) as readers:
            found = readers.map(partial(_heads, broker().storage), keys)
            for (track, name), (size, heads) in zip(parts, found, strict=True):
                for at, head in heads:
                    samples[track].add(head, position + at, defaults[track])
                position += size
                segments.append(Segment(name, size))
    return StoredSamples(inits, samples, segments)


@contextmanager
def _turn() -> Iterator[None]:
    if not _reading.acquire(timeout=_PATIENCE):
        raise Unavailable("Too many downloads are being prepared right now; try again shortly.", retry_after=2)
    try:
        yield
    finally:
        _reading.release()


def _sound(record: MediaRecord, folder: str) -> list[str]:
    """The playlist of the sound that players begin with, if there is any."""
    version = dirname(folder)
    found = _SOUND.search(_text(record, join(version, "master.m3u8")))
    return [join(version, found[1])] if found else []


def _in_order(
    tracks: Sequence[tuple[str, rendition.Rendition]], within: tuple[Fraction, Fraction] | None
) -> list[tuple[int, str]]:
    """The segments of all tracks, by when they begin, so that what is shown together lies together."""
    low, high = (float(within[0]) - _AROUND, float(within[1]) + _AROUND) if within else (0.0, float("inf"))
    begun = []
    for number, (folder, track) in enumerate(tracks):
        begins = 0.0
        for name, length in zip(track.segments, track.lengths, strict=True):
            if begins < high and begins + length > low:
                begun.append((begins, number, join(folder, name)))
            begins += length
    return [(number, name) for _, number, name in sorted(begun)]


def _heads(storage: Storage, key: str) -> tuple[int, list[tuple[int, bytes]]]:
    """The size of a segment, and the content of its ``moof`` boxes with where each begins."""
    size, at, found = storage.stat(key).size, 0, []
    read, begins = b"", 0
    while at < size:
        if at + 16 > begins + len(read):
            read, begins = _read(storage, key, at, _FIRST), at
        length, kind = fragments.header(read[at - begins : at - begins + 16])
        if not 8 <= length <= size - at:
            raise ValueError(f"{key} has a broken box")
        if kind == b"moof":
            if length > _MOST:
                raise ValueError(f"{key} has a head of {length} bytes")
            if at + length > begins + len(read):
                read, begins = _read(storage, key, at, length), at
            found.append((at, read[at - begins + 8 : at - begins + length]))
        at += length
    return size, found


def _read(storage: Storage, key: str, start: int, length: int) -> bytes:
    with storage.open(key, start, length) as file:
        return file.read()


def _whole(record: MediaRecord, name: str) -> bytes:
    return _read(broker().storage, paths.hls(record.tenant, record.id, name), 0, _MOST)


def _text(record: MediaRecord, name: str) -> str:
    return _whole(record, name).decode()
