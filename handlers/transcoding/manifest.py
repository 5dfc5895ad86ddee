"""What is made of a video so far, kept in the storage: a run that begins anew goes on with what is missing.

Each run of ffmpeg has a record of its own, replaced whenever it has stored more, so that runs side by side do not wait
for each other. A segment counts when a record tells of it, and records lie in a folder named by the source and all that
decides the bytes: what was made otherwise is not found. That folder is in one of the task's own, because two tasks may
make versions of one video at the same time, and each removes all of its records when it ends.
"""

import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from broker.context import TaskContext
from broker.errors import TransientError
from broker.media import paths
from broker.media.storage import StoredObject
from handlers.transcoding.boxes import Segment
from handlers.transcoding.ffmpeg import Decoded
from handlers.transcoding.hls_output import segment_name
from handlers.transcoding.ladder import Rung
from handlers.transcoding.playlists import Track
from handlers.transcoding.ranges import Part
from handlers.transcoding.version import maker

#: Changes with whatever decides the bytes and is not in ffmpeg's arguments.
_VERSION = 2


class Mismatch(TransientError):
    """What is stored of the video is not what was written down: it is made anew."""


class Covered(NamedTuple):
    """Pictures of the source, from one segment up to another, that a run has decoded, and its errors."""

    first: int
    end: int
    pictures: int
    errors: int


class Written:
    """The record of one run of ffmpeg: for each rendition its codec, the digest of its headers, and its segments."""

    def __init__(self) -> None:
        self.tracks: dict[str, dict[str, Any]] = {}
        #: What was decoded of the source, once the run has ended.
        self.covered: Covered | None = None
        #: How many segments there are in all, where pictures have ended before they were expected to.
        self.count: int | None = None

    def begin(self, name: str, codec: str, init: str) -> None:
        """A rendition's headers are stored; ``init`` is their SHA-256."""
        self.tracks[name] = {"codec": codec, "init": init, "segments": {}}

    def add(self, name: str, number: int, segment: Segment, sha256: str) -> None:
        """A segment is stored."""
        self.tracks[name]["segments"][number] = [
            segment.bytes,
            segment.samples,
            str(segment.start),
            str(segment.duration),
            sha256,
        ]


def digest(stored: StoredObject, commands: Iterable[Sequence[str]], path: Path, **more: Any) -> str:
    """Tells a source, and what ``commands`` make of it when it lies at ``path``, from all others."""
    arguments = [
        [each.replace(str(path), "") for each in (Path(command[0]).name, *command[1:])] for command in commands
    ]
    known = [_VERSION, stored.size, stored.etag, arguments, more]
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:32]


class Manifest:
    """All records of one task's transcoding."""

    def __init__(self, context: TaskContext, media_id: str, digest: str = "") -> None:
        """Of the task of this run, or of the one that it helps."""
        self.digest = digest
        self._storage = context.storage
        self._all = paths.work(context.tenant, media_id, maker(context))
        self._prefix = paths.work(context.tenant, media_id, maker(context), digest)
        #: What was put beside the records of runs, by name.
        self.values: dict[str, Any] = {}
        self._codecs: dict[str, str] = {}
        self._inits: dict[str, str] = {}
        self._segments: dict[str, dict[int, Segment]] = {}
        self._covered: dict[str, Covered] = {}
        #: How many segments there are in all, where pictures have ended before they were expected to.
        self.count: int | None = None

    def load(self, look: str) -> bool:
        """Read what there is; whether there is any. Records of anything else go, but for the ``look`` at the source."""
        for key in list(self._storage.keys(self._all)):
            if key.startswith(self._prefix):
                self._read(key)
            elif key != look:
                self._storage.delete(key)
        return bool(self._segments or self.values)

    def load_more(self, beginning: str = "") -> None:
        """Read what others may have written under such names, and again what was read before."""
        for key in [each for each in self._storage.keys(self._prefix) if each.startswith(self._prefix + beginning)]:
            self._read(key)

    def write(self, name: str, written: Written) -> None:
        """Keep the record of a run; from now on what it tells counts."""
        record = {"tracks": written.tracks, "covered": written.covered, "count": written.count}
        self.put(name, record)
        self._take(name, record)

    def put(self, name: str, value: Any) -> None:
        """Keep any JSON value."""
        self._storage.put(f"{self._prefix}{name}.json", io.BytesIO(json.dumps(value).encode()))

    def drop(self, beginning: str) -> None:
        """Forget what was put under such names."""
        for key in [each for each in self._storage.keys(self._prefix) if each.startswith(self._prefix + beginning)]:
            self._storage.delete(key)
        self.values = {name: each for name, each in self.values.items() if not name.startswith(beginning)}

    def remove(self) -> None:
        """Forget everything that the task knows of this source. What other tasks make of it is theirs."""
        self._storage.delete(self._all)

    def missing(self, name: str, first: int, end: int) -> int | None:
        """The first segment from ``first`` on that a rendition lacks; ``None`` when it has all up to ``end``."""
        have = self._segments.get(name, {})
        return next((number for number in range(first, end) if number not in have), None)

    def has_all(self, part: Part) -> bool:
        """Whether nothing of a part is missing."""
        end = part.end if self.count is None else min(part.end, self.count)
        return all(self.missing(rung.name, part.first, end) is None for rung in part.rungs)

    def has_pieces(self, part: Part) -> bool:
        """Whether a rendition has some of a part's segments and lacks others."""
        counts = {
            name: sum(part.first <= number < part.end for number in each) for name, each in self._segments.items()
        }
        return any(0 < counts.get(rung.name, 0) < part.end - part.first for rung in part.rungs)

    def gap(self, rungs: Sequence[Rung], end: int) -> tuple[int, int] | None:
        """The first stretch of segments, each of which some rendition lacks; ``None`` when nothing is missing."""
        end = end if self.count is None else min(end, self.count)
        lacks = [any(number not in self._segments.get(rung.name, {}) for rung in rungs) for number in range(end)]
        if True not in lacks:
            return None
        first = lacks.index(True)
        return first, next((number for number in range(first, end) if not lacks[number]), end)

    def init(self, name: str) -> str | None:
        """The SHA-256 of a rendition's headers, once they are stored."""
        return self._inits.get(name)

    def track(self, name: str) -> Track:
        """A rendition as far as it is made without a gap from its beginning."""
        segments = self._segments.get(name, {})
        counted = next(number for number in range(len(segments) + 1) if number not in segments)
        return Track(name, self._codecs.get(name, ""), tuple(segments[number] for number in range(counted)))

    def decoded(self) -> Decoded | None:
        """What was decoded of the whole source, or ``None`` when a run that was interrupted has told nothing."""
        reached, pictures, errors = 0, 0, 0
        for run in sorted(self._covered.values()):
            if run.first == 0 and run.end >= reached:  # it has seen all that lies before, too
                reached, pictures, errors = run.end, run.pictures, run.errors
            elif run.first == reached:
                reached, pictures, errors = run.end, pictures + run.pictures, errors + run.errors
        return Decoded(pictures, errors) if reached == self._total() else None

    def _total(self) -> int:
        return max((len(each) for each in self._segments.values()), default=0)

    def _read(self, key: str) -> None:
        with self._storage.open(key) as file:
            record = json.load(file)
        self._take(key.removeprefix(self._prefix).removesuffix(".json"), record)

    def _take(self, name: str, record: dict[str, Any]) -> None:
        if "tracks" not in record:
            self.values[name] = record
            return
        for rung, track in record["tracks"].items():
            self._codecs[rung], self._inits[rung] = track["codec"], track["init"]
            known = self._segments.setdefault(rung, {})
            known.update({int(number): _segment(int(number), fields) for number, fields in track["segments"].items()})
        if record["covered"]:
            self._covered[name] = Covered(*record["covered"])
        if record["count"] is not None:
            self.count = record["count"]


class LaterManifest(Manifest):
    """Keeps records to itself until it is told to write them: what is made of a part in vain is known to nobody."""

    def __init__(self, context: TaskContext, media_id: str, digest: str) -> None:
        super().__init__(context, media_id, digest)
        self._kept: dict[str, Written] = {}

    def write(self, name: str, written: Written) -> None:
        self._kept[name] = written

    def write_all(self) -> None:
        """Now all that was kept counts."""
        for name, written in self._kept.items():
            super().write(name, written)
        self._kept.clear()


def as_values(track: Track) -> dict[str, Any]:
    """A rendition as JSON values."""
    segments = [[each.bytes, each.samples, str(each.start), str(each.duration), ""] for each in track.segments]
    return {"name": track.name, "codec": track.codec, "segments": segments}


def from_values(values: dict[str, Any], first: int = 0) -> Track:
    """The inverse of ``as_values``; ``first`` is the number of the first segment."""
    segments = (_segment(number, each) for number, each in enumerate(values["segments"], first))
    return Track(values["name"], values["codec"], tuple(segments))


def _segment(number: int, fields: Sequence[Any]) -> Segment:
    size, samples, start, duration, _ = fields
    return Segment(segment_name(number), size, Fraction(start), samples, Fraction(duration))
