"""Makes parts of a video's pictures: each segment is checked, stored under its own name and written down, at once.

What is stored in vain, because its run was interrupted before that was written down, is made again and replaced.
"""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from broker.context import TaskContext
from broker.errors import PermanentError, TransientError
from handlers.media.bounds import PROGRAM_MEMORY
from handlers.transcoding import ffmpeg, groups, passthrough
from handlers.transcoding.boxes import Segment, read_init, read_segment
from handlers.transcoding.command import command
from handlers.transcoding.hls_output import INIT, segment_name
from handlers.transcoding.manifest import Covered, Manifest, Mismatch, Written
from handlers.transcoding.plan import Plan
from handlers.transcoding.ranges import Part
from handlers.transcoding.source import Source

#: Seconds of one processor core for a million pixels that are decoded or encoded, and how many times as long it may
#: take: other work may keep the machine busy, and some decoders are slow.
_PER_MEGAPIXEL, _PATIENCE, _GRACE = 0.02, 20, 900.0
#: Segments after which copying, which leaves many at once, writes down what is stored.
_NOTED = 16
#: Pixels up to which a ladder fits in the usual memory.
_HD = 1920 * 1088


class Video(NamedTuple):
    """A source on this machine, and what is made of it. ``prefix`` is that of the names in the storage."""

    path: Path
    demuxer: str
    source: Source
    plan: Plan
    prefix: str


class NotPackaged(PermanentError):
    """The source's own pictures cannot be a rendition beside the others: all of them are encoded."""


class HardwareFailed(PermanentError):
    """Where hardware encodes, it may be to blame that nothing could be made of a source, as a source may be."""


class _Misplaced(Exception):
    """Pictures are not where they should be: after a seek, or where they are copied."""


class Encoder:
    """Makes the parts of one video, one after another."""

    def __init__(self, context: TaskContext, video: Video, manifest: Manifest, on_tick: Callable[[], None]) -> None:
        """``on_tick`` is called every now and then, and when a part is stored."""
        self._context = context
        self._video = video
        self._manifest = manifest
        self._on_tick = on_tick
        #: Whether pictures were where the source's index has them, so far.
        self.seeks = True

    def make(self, part: Part, on_frames: Callable[[int], None]) -> None:
        """Make what is missing of a part; ``on_frames`` gets the number of its pictures that are there.

        Raises ``PermanentError`` for a source of which nothing can be decoded, and ``NotPackaged``.
        """
        left = self._left(part)
        if left is None:
            return
        try:
            self._make(left, part, on_frames)
        except (_Misplaced, PermanentError) as error:
            plan = self._video.plan
            if plan.copied and (part.rungs == (plan.copied,) or not plan.encoding.hardware):
                passthrough.give_up(self._context)
                raise NotPackaged() from error
            if plan.encoding.hardware:
                raise HardwareFailed(f"The encoder {plan.encoding.encoder} has failed.") from error
            raise

    def _make(self, left: Part, part: Part, on_frames: Callable[[int], None]) -> None:
        try:
            self._run(left, part, on_frames)
        except (_Misplaced, PermanentError):
            if not left.seeks:
                raise
            self.seeks = False
            left = self._left(part) or left
            self._context.log.info("segments from %d on are made without a seek: the index is not exact", left.first)
            self._run(left.from_beginning(), part, on_frames)

    def make_as_planned(self, part: Part, on_frames: Callable[[int], None]) -> bool:
        """The same, or nothing that counts: False where it cannot be made that way."""
        left = self._left(part)
        try:
            if left is not None:
                self._run(left, part, on_frames)
        except (_Misplaced, PermanentError):
            return False
        return True

    def _left(self, part: Part) -> Part | None:
        count = self._manifest.count
        end = part.end if count is None else min(part.end, count)
        missing = {rung: self._manifest.missing(rung.name, part.first, end) for rung in part.rungs}
        left = {rung: first for rung, first in missing.items() if first is not None}
        if not left:
            return None
        part = replace(part, rungs=tuple(left))
        # Where filters restart, what they do depends on what came before.
        return part.after(min(left.values())) if self._video.source.uniform else part

    def _run(self, left: Part, part: Part, on_frames: Callable[[int], None]) -> None:
        before = self._video.plan.begins(left.first) - self._video.plan.begins(part.first)
        run = _Run(self._context, self._video, self._manifest, left)

        def on_progress(frames: int) -> None:
            on_frames(before + frames)
            run.take(ended=False)
            self._on_tick()

        argv = command(ffmpeg.binary(), *self._video[:4], left)
        decoded = ffmpeg.encode(
            self._context,
            argv,
            "frame",
            on_progress,
            _allowed(self._video, left),
            memory=_memory(left),
            graphics=self._video.plan.encoding.hardware,
        )
        run.take(ended=True)
        run.end(decoded)
        self.seeks = self.seeks and not (decoded and decoded.errors)
        self._on_tick()


class _Run:
    """What one run of ffmpeg leaves in the scratch folder."""

    def __init__(self, context: TaskContext, video: Video, manifest: Manifest, part: Part) -> None:
        self._storage = context.storage
        self._folders = {rung.name: context.scratch / rung.name for rung in part.rungs}
        self._video = video
        self._manifest = manifest
        self._part = part
        self._grid = video.plan.grid
        self._copies = part.rungs == (video.plan.copied,)
        self._next = 0 if self._copies else part.first  # copying begins with the source
        self._written = Written()
        for folder in self._folders.values():
            shutil.rmtree(folder, ignore_errors=True)  # of a run before
            folder.mkdir()

    def take(self, *, ended: bool) -> bool:
        """Check and store the segments that all renditions have; whether there were any. ``ended``: no more will come.

        Raises ``_Misplaced``; ``TransientError`` when the renditions do not line up.
        """
        first = self._next
        while self._next < self._part.end and self._is_there(self._next) and self._store(self._next, ended=ended):
            self._next += 1
            if self._copies and self._next % _NOTED == 0 and self._written.tracks:
                self._manifest.write(self._part.name, self._written)
        if self._written.tracks and self._next > first:
            self._manifest.write(self._part.name, self._written)
        return self._next > first

    def end(self, decoded: ffmpeg.Decoded | None) -> None:
        """The run has ended in order.

        Raises ``PermanentError`` when it has made nothing.
        """
        if self._next < self._part.end:
            if self._part.seeks or self._copies:
                raise _Misplaced()
            if not self._next:
                name = self._part.rungs[0].name
                raise PermanentError(f"The video is damaged: nothing of it could be decoded for the rendition {name}.")
            self._written.count = self._next
        if decoded and not self._copies:
            begin = self._part.first if self._part.seeks else 0
            self._written.covered = Covered(begin, self._part.end, decoded.frames, decoded.errors)
        self._manifest.write(self._part.name, self._written)

    def _is_there(self, number: int) -> bool:
        if self._grid:
            return all(groups.are_there(folder, self._grid, number) for folder in self._folders.values())
        return all((folder / segment_name(number)).exists() for folder in self._folders.values())

    def _store(self, number: int, *, ended: bool) -> bool:
        """Whether the segment is what it has to be; a short one may be only when no more will come."""
        try:
            if self._grid:
                for folder in self._folders.values():
                    groups.join(folder, self._grid, number)
            inits = {name: read_init(folder / INIT) for name, folder in self._folders.items()}
            found = {
                name: read_segment(folder / segment_name(number), inits[name].timescale)
                for name, folder in self._folders.items()
            }
        except ValueError:  # ffmpeg ends in order, with a file of headers, when it has got no frame
            return False
        if not self._is_whole(number, list(found.values())) and not ended:
            return False
        for name, segment in found.items():
            if name not in self._written.tracks:
                self._begin(name, inits[name].codec)
            path = self._folders[name] / segment.name
            if number < self._part.first:  # copied in vain: it is stored
                path.unlink()
                continue
            self._storage.put_file(f"{self._video.prefix}{name}/{segment.name}", path)
            self._written.add(name, number, segment, _sha256(path))
            path.unlink()
        return True

    def _begin(self, name: str, codec: str) -> None:
        """Store a rendition's headers, which are the same in each run."""
        path = self._folders[name] / INIT
        sha256, known = _sha256(path), self._manifest.init(name)
        if known not in (None, sha256):
            raise Mismatch()
        if known is None:
            self._storage.put_file(f"{self._video.prefix}{name}/{INIT}", path)
        self._written.begin(name, codec, sha256)

    def _is_whole(self, number: int, segments: list[Segment]) -> bool:
        plan = self._video.plan
        if len({(segment.start, segment.samples, segment.duration) for segment in segments}) > 1:
            raise TransientError("The renditions do not line up, so players could not switch between them.")
        whole = segments[0].samples == plan.begins(number + 1) - plan.begins(number)
        if segments[0].start != plan.begins(number) / plan.rate or not (whole or number == self._part.end - 1):
            raise _Misplaced()
        return whole


def _allowed(video: Video, part: Part) -> float:
    """Seconds that encoding may take: they follow the length and the ladder."""
    source, plan = video.source, video.plan
    decoded = source.pictures * source.width * source.height / 1_000_000
    return _GRACE + _PATIENCE * _PER_MEGAPIXEL * (decoded + plan.megapixels * plan.encoding.cost)


def _memory(part: Part) -> int:
    """Bytes of address space: eight rungs of H.264 up to 2160 take 3.6 GiB, and the decoder of as large a source."""
    largest = part.rungs[-1]
    return PROGRAM_MEMORY * (2 if largest.width * largest.height > _HD else 1)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
