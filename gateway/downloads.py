"""One rendition of a video with its sound as a plain MP4, whose samples are those of the stream, where they are stored.

What is made is only the beginning of the file: the tables that say where in the stored segments which sample lies. The
segments follow it as they are. So nothing is encoded and nothing is stored twice, of a film of two hours the first
bytes go out within seconds, and any part of it can be asked for. The beginning is kept among the files of its version
of the stream, and goes with them.
"""

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from posixpath import dirname, join
from typing import Any

from broker.errors import InvalidInput, NotFound
from broker.media import paths
from broker.media.records import MediaRecord
from broker.media.storage import CHUNK, Storage, StoredObject
from gateway import stored_samples
from gateway.current import broker
from gateway.plain_mp4.movie import Track, beginning
from gateway.rendition import NotCompleted

#: The name of a beginning, in the folder of its rendition: bytes after one line of JSON.
_NAME = "download.head"


@dataclass(frozen=True, slots=True)
class Download:
    """A file that is put together of ``head`` and of parts of stored objects, when it is read."""

    stored: StoredObject
    storage: Storage
    #: Storage keys, each with where in its object the part begins, and how many bytes of it there are.
    parts: Sequence[tuple[str, int, int]]
    head: bytes = b""

    def read(self, start: int, length: int) -> Iterator[bytes]:
        """These bytes, in pieces of at most ``CHUNK``, but for the head."""
        if before := self.head[start : start + length]:
            yield before
        start, length = max(0, start - len(self.head)), length - len(before)
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
    playlist = chosen(record, variant)["playlist"]
    key = paths.hls(record.tenant, record.id, join(dirname(playlist), _NAME))
    try:
        return _kept(record, key)
    except NotFound:
        _make(record, playlist, key)
        return _kept(record, key)


def chosen(record: MediaRecord, variant: str | None) -> dict[str, Any]:
    """What is known of the rendition of this name, or of the largest. Raises as ``download`` does."""
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
    found = stored_samples.read(record, playlist)
    tracks = [Track(*each) for each in zip(found.inits, found.samples, strict=True)]
    head = beginning(tracks, sum(each.size for each in found.segments))
    etag = sha256(head + json.dumps(found.segments).encode()).hexdigest()[:32]
    line = json.dumps({"etag": etag, "parts": found.segments}).encode() + b"\n"
    broker().storage.put(key, io.BytesIO(line + head))
