"""Makes the sound of a video beside its pictures. Each segment is stored as soon as it is there, so that it plays."""

from collections.abc import Callable
from fractions import Fraction

from broker.context import TaskContext
from handlers.transcoding.beside import Beside
from handlers.transcoding.encoder import Video
from handlers.transcoding.hear import hear
from handlers.transcoding.kept_sound import Heard, KeptSound
from handlers.transcoding.manifest import Manifest
from handlers.transcoding.playlists import Track

_TICK = 0.5


class EarlySound:
    """The sound of one video."""

    def __init__(self, context: TaskContext, video: Video, manifest: Manifest) -> None:
        self._context = context
        self._video = video
        self._kept = KeptSound(context.storage, video.prefix, manifest, video.plan.seconds)
        self._work: Beside[Heard] | None = None
        if video.source.sound and not self._kept.heard:
            self._begin()

    def _begin(self) -> None:
        self._work = Beside(self._context, "sound", lambda context: hear(context, self._video, self._kept))

    @property
    def expected(self) -> bool:
        """Whether there will be sound, as far as is known."""
        heard = self._kept.heard
        return bool(self._video.source.sound) and not (heard and not heard.track)

    def stored(self) -> Track:
        """What is stored by now."""
        return self._kept.track()

    def finish(self, length: Fraction | None, tick: Callable[[], None]) -> Heard:
        """The sound, of pictures that have turned out to be of so many seconds unless that is not known yet.

        ``tick`` is called while it takes.
        """
        if not self._video.source.sound:
            return Heard(None, "und", [])
        if length is not None and length != self._kept.seconds:
            self.close()
            self._kept.restart(length)
            self._begin()
        if self._work:
            while not self._work.wait(_TICK):
                tick()
            self._work.answer()
            tick()
        assert self._kept.heard is not None
        return self._kept.heard

    def close(self) -> None:
        """End what is not done."""
        if self._work:
            self._work.stop()
