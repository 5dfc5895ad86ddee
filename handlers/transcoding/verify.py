"""Checks what a run has stored before it counts as done: everything is there, whole, and what the playlists say."""

from collections.abc import Mapping, Sequence
from urllib.parse import urljoin

from broker.errors import NotFound
from broker.media.storage import Storage
from handlers.transcoding.boxes import Segment
from handlers.transcoding.manifest import Mismatch
from handlers.transcoding.playlists import MASTER, Track
from handlers.transcoding.validation.fragments import Part
from handlers.transcoding.validation.playlist import ByteRange, MediaPlaylist
from handlers.transcoding.validation.reading import MAX_FILE, Unreadable
from handlers.transcoding.validation.renditions import Rendition
from handlers.transcoding.validation.report import Report
from handlers.transcoding.validation.stream import validate

#: Findings that an error quotes.
_QUOTED = 3


def verify(storage: Storage, prefix: str, tracks: Sequence[Track], files: Mapping[str, int]) -> None:
    """Hold the stream below ``prefix`` against the ``tracks`` it was made of, and ``files``, bytes by name.

    It reads the playlists and asks the storage for sizes; segments were read when they were made. Raises
    ``Mismatch``, since what was made was sound.
    """
    stored = _Stored(storage, prefix)
    made = {f"{track.name}/{segment.name}": segment for track in tracks for segment in track.segments}
    stream = validate(MASTER, stored, lambda playlist, report: _load(playlist, made, stored, report))
    for name, size in files.items():
        if (found := stored.size(name)) != size:
            stream.report.error(name, "storage", _told(found, size))
    errors = stream.report.errors
    if errors:
        raise Mismatch("What was stored of the video is not whole. " + "; ".join(map(str, errors[:_QUOTED])))


class _Stored:
    """The objects below a prefix."""

    def __init__(self, storage: Storage, prefix: str) -> None:
        self._storage, self._prefix = storage, prefix
        self._sizes: dict[str, int | None] = {}

    def size(self, name: str) -> int | None:
        """Bytes; ``None`` for what is not there."""
        if name not in self._sizes:
            try:
                self._sizes[name] = self._storage.stat(self._prefix + name).size
            except NotFound:
                self._sizes[name] = None
        return self._sizes[name]

    def read(self, uri: str, part: ByteRange | None = None, most: int = MAX_FILE) -> bytes:
        """Part of ``Reader``."""
        start, length = (part.start, part.length) if part else (0, most)
        try:
            with self._storage.open(self._prefix + uri, start, length) as file:
                return file.read()
        except NotFound:
            raise Unreadable("is not stored") from None

    def place(self, uri: str) -> str:
        """Part of ``Reader``."""
        return uri


def _load(playlist: MediaPlaylist, made: Mapping[str, Segment], stored: _Stored, report: Report) -> Rendition:
    """What the playlist names, told from what was made, once its sizes are as they should be."""
    found = Rendition(playlist)
    for entry in playlist.entries:
        name, part = urljoin(playlist.where, entry.resource.uri), entry.resource.range
        segment, size = made.get(name), stored.size(name)
        expected = segment.bytes if segment else part.start + part.length if part else None
        if size is None or (size < (expected or 0) if part else size != expected):
            report.error(name, "storage", _told(size, expected))
        if entry.init and stored.size(urljoin(playlist.where, entry.init.uri)) is None:
            report.error(urljoin(playlist.where, entry.init.uri), "storage", _told(None, None))
        found.parts.append(_part(segment) if segment and not part else None)
    return found


def _part(segment: Segment) -> Part:
    return Part(segment.bytes, segment.start, segment.samples, segment.duration)


def _told(size: int | None, expected: int | None) -> str:
    return "is not stored" if size is None else f"has {size} bytes in the storage, not {expected}"
