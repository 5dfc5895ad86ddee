"""What of a video's first sound track is stored and written down: a run that begins anew goes on with what is missing.

There is a record on the track that is being made, one on each stretch, replaced whenever more of it is stored, and one
when all is done. Those of a track that was given up, or of sound of another length, count no more.
"""

import hashlib
from fractions import Fraction
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

from broker.errors import TransientError
from broker.media.storage import Storage
from handlers.transcoding import sound
from handlers.transcoding.boxes import Segment, read_init, read_segment
from handlers.transcoding.hls_output import INIT, segment_name
from handlers.transcoding.manifest import Manifest, Mismatch, as_values, from_values
from handlers.transcoding.playlists import Track
from handlers.transcoding.stretches import FRAME, RATE, Stretch

_DONE, _BEGUN, _STRETCH = "sound", "sound_begun", "sound_{:05d}"


class Heard(NamedTuple):
    """The rendition (``None`` without sound), its BCP 47 language, what it lacks, and the place of its source."""

    track: Track | None
    language: str
    warnings: list[str]
    number: int = 1


class KeptSound:
    """The sound of one video."""

    seconds: Fraction
    #: The place of the track that is being made, from 1 on; 0 when none is. Its filters, as ``levels`` tells them.
    number: int
    level: str | None
    #: On the tracks before that, which could not be decoded.
    warnings: list[str]
    #: All that there is to say, when it is done.
    heard: Heard | None
    _segments: dict[int, Segment]

    def __init__(self, storage: Storage, prefix: str, manifest: Manifest, length: Fraction) -> None:
        """``length`` is that of the pictures in seconds, unless an earlier run has found out better."""
        self._storage = storage
        self._prefix = f"{prefix}{sound.AUDIO}/"
        self._manifest = manifest
        begun = manifest.values.get(_BEGUN, {})
        self.restart(Fraction(begun.get("seconds", length)))
        if begun:
            self.number, self.level, self.warnings = begun["number"], begun["level"], begun["warnings"]
            for name, record in manifest.values.items():
                if name.startswith(_STRETCH.partition("{")[0]) and self._of_this_track(record):
                    self._take(record)
        done = manifest.values.get(_DONE, {})
        if done.get("seconds") == str(self.seconds):
            made = from_values(done["track"]) if done["track"] else None
            self.heard = Heard(made, done["language"], done["warnings"], done["number"])

    def restart(self, length: Fraction) -> None:
        """Nothing counts any more: sound of another length is made."""
        self.seconds, self.number, self.level = length, 0, None
        self.warnings, self.heard = [], None
        self._codec = self._init = ""
        self._segments = {}

    def begin(self, number: int, level: str | None, warnings: list[str]) -> None:
        """Another track is made, because those before it cannot be decoded."""
        self.restart(self.seconds)
        self.number, self.level, self.warnings = number, level, list(warnings)
        self._manifest.put(_BEGUN, self._named | {"level": level, "warnings": warnings})

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
            values = as_values(Track(sound.AUDIO, self._codec, of_it))
            record = {"first": stretch.first, "codec": self._codec, "init": self._init, "segments": values["segments"]}
            self._manifest.put(_STRETCH.format(stretch.first), self._named | record)

    def track(self) -> Track:
        """What is stored from the beginning on without a gap."""
        if self.heard and self.heard.track:
            return self.heard.track
        known, segments = self._segments, list[Segment]()
        while len(segments) in known:
            segments.append(known[len(segments)])
        return Track(sound.AUDIO, self._codec, tuple(segments))

    def end(self, heard: Heard) -> None:
        """It is done."""
        record = {
            "seconds": str(self.seconds),
            "track": as_values(heard.track) if heard.track else None,
            "language": heard.language,
            "warnings": heard.warnings,
            "number": heard.number,
        }
        self._manifest.put(_DONE, record)
        self.heard = heard

    @property
    def _named(self) -> dict[str, Any]:
        return {"seconds": str(self.seconds), "number": self.number}

    def _of_this_track(self, record: dict[str, Any]) -> bool:
        return "segments" in record and {name: record[name] for name in self._named} == self._named

    def _take(self, record: dict[str, Any]) -> None:
        self._codec, self._init = record["codec"], record["init"]
        segments = from_values({"name": sound.AUDIO, "codec": "", "segments": record["segments"]}, record["first"])
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
