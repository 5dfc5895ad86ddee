"""One rendition of a video with its sound as a plain MP4, whose samples are those of the stream, where they are stored.

What is made is only the beginning of the file: the tables that say where in the stored segments which sample lies. The
segments follow it as they are. So nothing is encoded and nothing is stored twice, of a film of two hours the first
bytes go out within seconds, and any part of it can be asked for. The beginning is kept among the files of its version
of the stream, and goes with them.
"""

import io
import json
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from posixpath import dirname, join
from threading import BoundedSemaphore
from typing import Any

from broker.errors import InvalidInput, NotFound, TaskBrokerError, Unavailable
from broker.media import paths
from broker.media.records import MediaRecord
from broker.media.storage import CHUNK, Storage, StoredObject
from gateway import rendition
from gateway.current import broker
from gateway.plain_mp4 import fragments
from gateway.plain_mp4.movie import Track, beginning

#: Beginnings that one process makes at once, the seconds for which one more waits, and segments read at once for each.
_AT_ONCE, _PATIENCE, _READERS = 2, 2.0, 16
#: Bytes of a segment that are read first, in which the head of a usual one is, and those that a head may have.
_FIRST, _MOST = 16 * 1024, 8 * 2**20
#: The name of a beginning, in the folder of its rendition: bytes after one line of JSON.
_NAME = "download.head"
_SOUND = re.compile(r'#EXT-X-MEDIA:TYPE=AUDIO,[^\n]*?DEFAULT=YES[^\n]*?URI="([^"]+)"')
_making = BoundedSemaphore(_AT_ONCE)


class NotCompleted(TaskBrokerError):
    """This video has no finished rendition yet; ask again once its status is completed."""

    code, status = "not_completed", 409


@dataclass(frozen=True, slots=True)
class Download:
    """A file of which only the beginning is stored as such."""

    stored: StoredObject
    storage: Storage
    #: Storage keys, each with where in its object the part begins, and how many bytes of it there are.
    parts: Sequence[tuple[str, int, int]]

    def read(self, start: int, length: int) -> Iterator[bytes]:
        """These bytes, in pieces of at most ``CHUNK``."""
        for key, begins, size in self.parts:
            here = min(length, size - start)
            if here <= 0:
                start -= size
                continue
            with self.storage.open(key, begins + start, here) as file:
                for _ in range(0, here, CHUNK):
                    yield file.read(CHUNK)
            start, length = 0, length - here
            if not length:
                return


def download(record: MediaRecord, variant: str | None) -> Download:
    """The rendition of this name, or the largest.

    Raises ``NotCompleted``, ``InvalidInput`` for a name that no rendition has, and ``Unavailable``.
    """
    chosen = _chosen(record, variant)
    key = paths.hls(record.tenant, record.id, join(dirname(chosen["playlist"]), _NAME))
    try:
        return _kept(record, key)
    except NotFound:
        _make(record, chosen["playlist"], key)
        return _kept(record, key)


def _chosen(record: MediaRecord, variant: str | None) -> dict[str, Any]:
    variants: list[dict[str, Any]] = record.info.get("variants") or []
    if not variants:
        raise NotCompleted()
    if variant is None:
        return max(variants, key=lambda each: each["width"])
    for each in variants:
        if each["name"] == variant:
            return each
    there = ", ".join(each["name"] for each in variants)
    raise InvalidInput(errors=[{"pointer": "variant", "detail": f"This video has none of this name; it has {there}."}])


def _kept(record: MediaRecord, key: str) -> Download:
    stored = broker().storage.stat(key)
    with broker().storage.open(key) as file:
        line = _line(file)
    told = json.loads(line)
    parts = [(key, len(line), stored.size - len(line))]
    parts += [(paths.hls(record.tenant, record.id, name), 0, size) for name, size in told["parts"]]
    return Download(StoredObject(sum(size for *_, size in parts), told["etag"]), broker().storage, parts)


def _line(file: Any) -> bytes:
    """The first; some of the storage's streams cannot tell lines."""
    read = b""
    while b"\n" not in read and (more := file.read(2**16)):
        read += more
    return bytes(read[: read.index(b"\n") + 1])


def _make(record: MediaRecord, playlist: str, key: str) -> None:
    if not _making.acquire(timeout=_PATIENCE):
        raise Unavailable("Too many downloads are being prepared right now; try again shortly.", retry_after=2)
    try:
        names = [playlist, *_sound(record, dirname(playlist))]
        made = [rendition.read(_text(record, name)) for name in names]
        parts = _in_order([(dirname(name), each) for name, each in zip(names, made, strict=True)])
        samples = [fragments.Samples() for _ in names]
        inits = [_whole(record, join(dirname(name), each.init)) for name, each in zip(names, made, strict=True)]
        defaults = [fragments.defaults_of(init) for init in inits]
        position, sizes = 0, []
        keys = [paths.hls(record.tenant, record.id, name) for _, name in parts]
        with ThreadPoolExecutor(_READERS) as readers:
            found = readers.map(partial(_heads, broker().storage), keys)
            for (track, name), (size, heads) in zip(parts, found, strict=True):
                for at, head in heads:
                    samples[track].add(head, position + at, defaults[track])
                position += size
                sizes.append((name, size))
    finally:
        _making.release()
    head = beginning([Track(*each) for each in zip(inits, samples, strict=True)], position)
    etag = sha256(head + json.dumps(sizes).encode()).hexdigest()[:32]
    line = json.dumps({"etag": etag, "parts": sizes}).encode() + b"\n"
    broker().storage.put(key, io.BytesIO(line + head))


def _sound(record: MediaRecord, folder: str) -> list[str]:
    """The playlist of the sound that players begin with, if there is any."""
    version = dirname(folder)
    found = _SOUND.search(_text(record, join(version, "master.m3u8")))
    return [join(version, found[1])] if found else []


def _in_order(tracks: Sequence[tuple[str, rendition.Rendition]]) -> list[tuple[int, str]]:
    """The segments of all tracks, by when they begin, so that what is shown together lies together."""
    begun = []
    for number, (folder, track) in enumerate(tracks):
        begins = 0.0
        for name, length in zip(track.segments, track.lengths, strict=True):
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
