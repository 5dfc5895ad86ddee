"""Makes the sound of a video beside its pictures, one track after the other.

Each segment is stored as soon as it is there, so that the first track plays.
"""

from collections.abc import Callable
from fractions import Fraction

from broker.context import TaskContext
from handlers.transcoding.beside import Beside
from handlers.transcoding.encoder import Video
from handlers.transcoding.further_sound import Further, hear_further
from handlers.transcoding.hear import hear
from handlers.transcoding.kept_sound import Heard, KeptSound, length_found
from handlers.transcoding.manifest import Manifest
from handlers.transcoding.playlists import Track

_TICK = 0.5


class EarlySound:
    """The sound of one video."""

    def __init__(self, context: TaskContext, video: Video, manifest: Manifest) -> None:
        self._context = context
        self._video = video
        self._manifest = manifest
        length = length_found(manifest, video.plan.seconds)
        self._kept = KeptSound(context.storage, video.prefix, manifest, length)
        if not video.source.sound:
            self._kept.heard = Heard(None, "und", [])
        self._work = self._begin()

    def _begin(self) -> Beside[Further]:
        def work(context: TaskContext) -> Further:
            heard = self._kept.heard or hear(context, self._video, self._kept)
            return hear_further(context, self._video, self._manifest, heard, self._kept.seconds)

        return Beside(self._context, "sound", work)

    @property
    def expected(self) -> bool:
        """Whether there will be sound, as far as is known."""
        heard = self._kept.heard
        return not heard or bool(heard.track)

    def stored(self) -> Track:
        """What is stored of the first by now."""
        return self._kept.track()

    def finish_first(self, tick: Callable[[], None]) -> None:
        """Wait for the first, however long the pictures turn out to be; ``tick`` is called while that takes."""
        while not self._kept.heard and not self._work.wait(_TICK):
            tick()
        if not self._kept.heard:
            self._work.answer()
        tick()

    def finish(self, length: Fraction, tick: Callable[[], None]) -> tuple[Heard, Further]:
        """The sound of pictures that have turned out to be of so many seconds; ``tick`` is called while it takes."""
        if self.expected and length != self._kept.seconds:
            self.close()
            self._kept.restart(length)
            self._work = self._begin()
        while not self._work.wait(_TICK):
            tick()
        further = self._work.answer()
        tick()
        assert self._kept.heard is not None
        return self._kept.heard, further

    def close(self) -> None:
        """End what is not done."""
        self._work.stop()
