"""Lets a video play while it is made: playlists that grow with what is stored, and never name anything that is not.

The smallest rendition comes first. Another joins the master playlist when it has as much, so that players can switch to
it; who has opened the master playlist before plays on with what that had.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from broker.context import TaskContext
from handlers.transcoding.early_sound import EarlySound
from handlers.transcoding.encoder import Video
from handlers.transcoding.manifest import Manifest
from handlers.transcoding.playlists import MASTER, MEDIA, Track, Variant, master_playlist, media_playlist

#: What is declared before it is measured: times the most that a rendition's pictures may need, and bits per second of
#: sound.
_PEAK, _AVERAGE, _SOUND = 1.35, 1.1, 150_000


class Growing:
    """The playlists of one video that is being made."""

    def __init__(
        self, context: TaskContext, media_id: str, video: Video, manifest: Manifest, sound: EarlySound
    ) -> None:
        self._context = context
        self._media_id = media_id
        self._video = video
        self._manifest = manifest
        self._sound = sound
        self._listed: dict[str, int] = {}
        self._named: set[str] = set()
        self._seconds = Fraction(0)
        longest = max(min(video.plan.segment_seconds, video.plan.seconds), video.plan.longest_seconds)
        self._target = max(1, floor(longest + Fraction(1, 2)))

    def update(self) -> None:
        """Name what is stored by now. Raises ``TransientError`` when this run is over already."""
        sound = self._sound.stored() if self._sound.expected else None
        tracks = [self._manifest.track(rung.name) for rung in self._video.plan.rungs]
        if not tracks[0].segments or (sound and not sound.segments):
            return
        for track in (*tracks, *([sound] if sound else [])):
            if len(track.segments) > self._listed.get(track.name, 0):
                self._put(f"{track.name}/{MEDIA}", media_playlist(track, self._target, growing=True))
                self._listed[track.name] = len(track.segments)
        self._name(tracks, sound)
        seconds = min([tracks[0].duration, *([sound.duration] if sound else [])])
        if seconds > self._seconds:
            self._context.note(self._media_id, playable=not self._seconds, playable_seconds=round(float(seconds), 3))
            self._seconds = seconds

    def _name(self, tracks: Sequence[Track], sound: Track | None) -> None:
        """Write the master playlist when it has to name more."""
        count = len(tracks[0].segments)
        level = {track.name for track in tracks if len(track.segments) >= count} | self._named
        if level == self._named:
            return
        self._named = level
        variants: list[Variant] = [
            _Declared(rung, track, sound)
            for rung, track in zip(self._video.plan.rungs, tracks, strict=True)
            if track.name in level
        ]
        language = self._video.source.sound[0].language if sound else "und"
        self._put(MASTER, master_playlist(variants, self._video.plan.rate, language))

    def _put(self, name: str, text: str) -> None:
        self._context.storage.put(self._video.prefix + name, io.BytesIO(text.encode()))


@dataclass(frozen=True, slots=True)
class _Declared(Variant):
    """A variant of which only the beginning is there: what it may need, not what it has needed so far."""

    @property
    def bandwidth(self) -> int:
        return ceil(self.rung.max_rate * _PEAK) + (_SOUND if self.audio else 0)

    @property
    def average_bandwidth(self) -> int:
        return ceil(self.rung.max_rate * _AVERAGE) + (_SOUND if self.audio else 0)
