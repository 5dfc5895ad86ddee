"""Makes the sound of a video while its pictures are made, and stores each segment as soon as it is there.

A run that goes on with another's work finds it done, or does it anew as a whole: it is cheap.
"""

from collections.abc import Callable
from fractions import Fraction

from broker.context import TaskContext
from handlers.transcoding import sound
from handlers.transcoding.beside import Beside
from handlers.transcoding.boxes import Segment, read_init, read_segment
from handlers.transcoding.encoder import Video
from handlers.transcoding.hear import Heard, hear
from handlers.transcoding.hls_output import INIT, segment_name
from handlers.transcoding.manifest import Manifest, as_values, from_values
from handlers.transcoding.playlists import Track
from handlers.transcoding.progress import Silent
from handlers.transcoding.publish import store

_RECORD = "sound"
_TICK = 0.5


class EarlySound:
    """The sound of one video."""

    def __init__(self, context: TaskContext, video: Video, manifest: Manifest) -> None:
        self._context = context
        self._video = video
        self._manifest = manifest
        self._stored: list[Segment] = []
        self._codec = ""
        self._known = manifest.values.get(_RECORD)
        self._work = None if self._known or not video.source.sound else self._begin(video.plan.seconds)

    def _begin(self, length: Fraction) -> Beside[Heard]:
        path, demuxer, source, plan, _ = self._video

        def work(context: TaskContext) -> Heard:
            return hear(context, path, demuxer, source, plan, length, Silent())

        return Beside(self._context, "sound", work)

    @property
    def expected(self) -> bool:
        """Whether there will be sound, as far as is known."""
        return bool(self._video.source.sound) and not (self._known and not self._known["track"])

    def tick(self) -> None:
        """Store what is there."""
        self.stored()

    def stored(self) -> Track:
        """What is stored by now; what is there on this machine is stored before."""
        if self._work and self._work.done:
            self._keep(self._work)  # however the run ends, no other makes it again
        if self._known and self._known["track"]:
            return from_values(self._known["track"])
        if self._work:
            self._take(self._work)
        return Track(sound.AUDIO, self._codec, tuple(self._stored))

    def finish(self, length: Fraction, tick: Callable[[], None]) -> Heard:
        """The sound of pictures that have turned out to be of so many seconds; ``tick`` is called while it takes."""
        if self._known is None and self._work is None:
            return Heard(None, "und", [])
        if length != self._video.plan.seconds:
            self.close()
            self._known, self._stored, self._work = None, [], self._begin(length)
        if self._known is None and self._work:
            while not self._work.wait(_TICK):
                tick()
            self._keep(self._work)
            tick()
        assert self._known is not None
        track = self._known["track"]
        made = from_values(track) if track else None
        return Heard(made, self._known["language"], self._known["warnings"], self._known["number"])

    def _keep(self, work: Beside[Heard]) -> None:
        """Store all of it and write that down, once."""
        if self._known is not None:
            return
        heard = work.answer()
        if heard.track:
            store(self._context.storage, self._video.prefix, work.scratch, heard.track)
        self._known = {
            "track": as_values(heard.track) if heard.track else None,
            "language": heard.language,
            "warnings": heard.warnings,
            "number": heard.number,
        }
        self._manifest.put(_RECORD, self._known)

    def close(self) -> None:
        """End what is not done."""
        if self._work:
            self._work.stop()

    def _take(self, work: Beside[Heard]) -> None:
        folder = work.scratch / sound.AUDIO
        prefix = f"{self._video.prefix}{sound.AUDIO}/"
        while (path := folder / segment_name(len(self._stored))).exists():
            try:
                init = read_init(folder / INIT)
                segment = read_segment(path, init.timescale)
            except (OSError, ValueError):  # another track is tried, or nothing was heard
                return
            if not self._stored:
                self._context.storage.put_file(prefix + INIT, folder / INIT)
                self._codec = init.codec
            self._context.storage.put_file(prefix + segment.name, path)
            self._stored.append(segment)
