"""Makes the sound tracks that are not the first: other languages, comments, descriptions. None makes a video fail."""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil
from typing import NamedTuple

from broker.context import TaskContext
from broker.errors import PermanentError
from handlers.transcoding import sound
from handlers.transcoding.encoder import Video
from handlers.transcoding.kept_sound import Heard, KeptSound
from handlers.transcoding.manifest import Manifest
from handlers.transcoding.normalizing import SILENT
from handlers.transcoding.playlists import AUDIO_GROUP, MEDIA, Track
from handlers.transcoding.sound_track import make_track
from handlers.transcoding.source import SoundTrack

#: So many are made at most.
_MOST = 15


class Further(NamedTuple):
    """The renditions, in the file's order, each with its source, and what is not among them."""

    tracks: list[tuple[Track, SoundTrack]]
    warnings: list[str]


def hear_further(context: TaskContext, video: Video, manifest: Manifest, first: Heard, length: Fraction) -> Further:
    """Make the tracks behind the ``first`` that are missing; each is stored and written down as it comes.

    Raises ``TransientError`` for trouble of the machine.
    """
    others = list(enumerate(video.source.sound, 1))[first.number :] if first.track else []
    left = len(others) - _MOST
    warnings = [f"{left} further sound tracks are left out: no more than {_MOST} are made."] if left > 0 else []
    made: list[tuple[Track, SoundTrack]] = []
    for number, each in others[:_MOST]:
        kept = KeptSound(context.storage, video.prefix, manifest, length, f"{sound.AUDIO}{number}")
        heard = kept.heard or _hear(context, video, number, each, kept)
        warnings += heard.warnings
        if heard.track:
            made.append((heard.track, each))
    return Further(made, warnings)


def _hear(context: TaskContext, video: Video, number: int, each: SoundTrack, kept: KeptSound) -> Heard:
    try:
        make_track(context, video, number, each, kept)
        warnings = [f"Sound track {number} {SILENT}"] if kept.level == "" else []
        heard = Heard(kept.track(), each.language, warnings, number)
    except PermanentError:
        heard = Heard(None, each.language, [f"Sound track {number} cannot be decoded: it is left out."], number)
    kept.end(heard)
    return heard


def named(tracks: Sequence[SoundTrack]) -> list[str]:
    """What viewers see of each: its title in the file, else its language, else a number; no two alike."""
    names: list[str] = []
    for number, each in enumerate(tracks, 1):
        plain = each.title or (
            each.language if each.language != "und" else f"Audio {number}" if number > 1 else "Audio"
        )
        name, copy = plain, 1
        while name in names:
            copy += 1
            name = f"{plain} {copy}"
        names.append(name)
    return names


def master_lines(tracks: Sequence[tuple[Track, SoundTrack]], names: Sequence[str], main: Track) -> list[str]:
    """Lines of the master playlist: the tracks beside ``main``, and sound alone, for who has no more bandwidth."""
    lines = [
        f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="{AUDIO_GROUP}",NAME="{name}",LANGUAGE="{each.language}",'
        f'DEFAULT=NO,AUTOSELECT=YES,CHANNELS="2",URI="{track.name}/{MEDIA}"'
        for (track, each), name in zip(tracks, names, strict=True)
    ]
    every = [main, *(track for track, _ in tracks)]
    peak, average = max(track.peak for track in every), max(track.average for track in every)
    rates = f"BANDWIDTH={ceil(peak)},AVERAGE-BANDWIDTH={ceil(average)}"
    alone = f'#EXT-X-STREAM-INF:{rates},CODECS="{main.codec}",AUDIO="{AUDIO_GROUP}"'
    return [*lines, alone, f"{main.name}/{MEDIA}"]
