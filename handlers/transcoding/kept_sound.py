"""What of a rendition of sound is stored and written down: a run that begins anew goes on with what is missing.

There is a record on the track that it is made of, one on each stretch, replaced whenever more of it is stored, and one
when all is done. Those of a track that was given up, or of sound of another length, count no more.
"""

import hashlib
from collections.abc import Sequence
from fractions import Fraction
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

from broker.errors import TransientError
from broker.media.storage import Storage
from handlers.transcoding.boxes import Segment, read_init, read_segment
from handlers.transcoding.hls_output import INIT, segment_name
from handlers.transcoding.manifest import Manifest, Mismatch, as_values, from_values
from handlers.transcoding.playlists import Track
from handlers.transcoding.sound import AUDIO
from handlers.transcoding.stretches import FRAME, RATE, Stretch

#: What names of records begin with, before what is behind ``AUDIO`` in that of the rendition, and end with.
_SOUND, _BEGUN, _STRETCH = "sound", "_begun", "_{:05d}"


def length_found(manifest: Manifest, planned: Fraction) -> Fraction:
    """Seconds of a video's sound: those planned, unless an earlier run has found out better."""
    return Fraction(manifest.values.get(_SOUND + _BEGUN, {}).get("seconds", planned))


class Heard(NamedTuple):
    """The rendition (``None`` without sound), its BCP 47 language, what it lacks, and the place of its source."""

    track: Track | None
    language: str
    warnings: list[str]
    number: int = 1


class KeptSound:
    """One rendition of sound."""

    seconds: Fraction
    #: The place of the track that is being made, from 1 on; 0 when none is. Its filters, as ``levels`` tells them.
    number: int
    level: str | None
    #: On the tracks before that, which could not be decoded.
    warnings: list[str]
    #: All that there is to say, when it is done.
    heard: Heard | None
    _segments: dict[int, Segment]

    def __init__(self, storage: Storage, prefix: str, manifest: Manifest, length: Fraction, name: str = AUDIO) -> None:
        """Of so many seconds; ``name`` is that of its folder below ``prefix``."""
        self._storage = storage
        self._prefix = f"{prefix}{name}/"
        self._name = name
        self._record = _SOUND + name.removeprefix(AUDIO)
        self._manifest = manifest
        self.restart(length)
        known = manifest.values
        begun, done = known.get(self._record + _BEGUN, {}), known.get(self._record, {})
        if begun.get("seconds") == str(length):
            self.number, self.level, self.warnings = begun["number"], begun["level"], begun["warnings"]
            for key, record in known.items():
                if key.startswith(f"{self._record}_") and self._of_this_track(record):
                    self._take(record)
        if done.get("seconds") == str(length):
            made = from_values(done["track"]) if done["track"] else None
            self.heard = Heard(made, done["language"], done["warnings"], done["number"])

    def restart(self, length: Fraction) -> None:
        """Nothing counts any more: sound of another length is made."""
        self.seconds, self.number, self.level = length, 0, None
        self.warnings, self.heard = [], None
        self._codec = self._init = ""
        self._segments = {}

    def begin(self, number: int, level: str | None, warnings: Sequence[str] = ()) -> None:
        """It is made of this track; ``warnings`` are on those before, of which it could not."""
        self.restart(self.seconds)
        self.number, self.level, self.warnings = number, level, list(warnings)
        self._manifest.put(self._record + _BEGUN, self._named | {"level": level, "warnings": self.warnings})

    def begin_anew(self) -> None:
        """All of it is made again, of the same track: what is stored does not fit to what is made now."""
        self._manifest.drop(f"{self._record}_")
        self.begin(self.number, self.level, self.warnings)

    def has(self, stretch: Stretch) -> bool:
        """Whether all of it is stored."""
        return all(number in self._segments for number in stretch.numbers)

    def store(self, folder: Path, stretch: Stretch, *, ended: bool) -> None:
        """Store and write down what is there of a stretch; ``ended``: no more of it will come.

        Raises ``Mismatch`` when it does not fit to what is stored, ``TransientError`` for what is not in its place.
        """
        missing = (number for number in stretch.numbers if number not in self._segments)
        # A file is whole when the next one has begun.
        new = list(takewhile(lambda number: (folder / segment_name(number + (not ended))).exists(), missing))
        for number in new:
            self._store(folder, number, stretch.begins[number - stretch.first])
        if new:
            of_it = tuple(self._segments[number] for number in stretch.numbers if number in self._segments)
            values = as_values(Track(self._name, self._codec, of_it))
            record = {"first": stretch.first, "codec": self._codec, "init": self._init, "segments": values["segments"]}
            self._manifest.put(self._record + _STRETCH.format(stretch.first), self._named | record)

    def track(self) -> Track:
        """What is stored from the beginning on without a gap."""
        if self.heard and self.heard.track:
            return self.heard.track
        known, segments = self._segments, list[Segment]()
        while len(segments) in known:
            segments.append(known[len(segments)])
        return Track(self._name, self._codec, tuple(segments))

    def end(self, heard: Heard) -> None:
        """It is done."""
        record = {
            "seconds": str(self.seconds),
            "track": as_values(heard.track) if heard.track else None,
            "language": heard.language,
            "warnings": heard.warnings,
            "number": heard.number,
        }
        self._manifest.put(self._record, record)
        self.heard = heard

    @property
    def _named(self) -> dict[str, Any]:
        return {"seconds": str(self.seconds), "number": self.number}

    def _of_this_track(self, record: dict[str, Any]) -> bool:
        return "segments" in record and {name: record[name] for name in self._named} == self._named

    def _take(self, record: dict[str, Any]) -> None:
        self._codec, self._init = record["codec"], record["init"]
        segments = from_values({"name": self._name, "codec": "", "segments": record["segments"]}, record["first"])
        self._segments |= dict(enumerate(segments.segments, record["first"]))

    def _store(self, folder: Path, number: int, begin: int) -> None:
        init, path = folder / INIT, folder / segment_name(number)
        header = read_init(init)
        segment = read_segment(path, header.timescale)
        if segment.start != Fraction(begin * FRAME, RATE):
            raise TransientError(f"Segment {number} of the sound is not in its place.")
        sha256 = hashlib.sha256(init.read_bytes()).hexdigest()
        if self._init not in ("", sha256):
            raise Mismatch()
        if not self._init:
            self._storage.put_file(self._prefix + INIT, init)
            self._codec, self._init = header.codec, sha256
        self._storage.put_file(self._prefix + segment.name, path)
        self._segments[number] = segment
