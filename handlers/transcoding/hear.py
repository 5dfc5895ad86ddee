"""Encodes the sound of a video, if there is any that can be decoded. No sound makes a video fail."""

import shutil
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from broker.context import TaskContext
from broker.errors import PermanentError
from handlers.transcoding import ffmpeg, sound
from handlers.transcoding.normalizing import SILENT, levels
from handlers.transcoding.plan import Plan
from handlers.transcoding.playlists import Track, read_track
from handlers.transcoding.progress import SOUND, Progress
from handlers.transcoding.source import SoundTrack, Source

#: Seconds that one second of sound may take: thousands of times what it needs.
_ALLOWED, _GRACE = 10, 900.0
#: Sound that goes on for no more seconds after the last picture is no loss.
_PADDING = 0.1


class Heard(NamedTuple):
    """The rendition (``None`` without sound), its BCP 47 language, what it lacks, and the place of its source."""

    track: Track | None
    language: str
    warnings: list[str]
    number: int = 1


def hear(
    context: TaskContext, path: Path, demuxer: str, source: Source, planned: Plan, length: Fraction, progress: Progress
) -> Heard:
    """Encode the first track that can be decoded, into ``length`` seconds; leaves it in the scratch folder.

    Raises ``TransientError`` for trouble of the machine.
    """
    warnings = []
    for number, each in enumerate(source.sound, 1):
        try:
            track, errors, silent = _encode(context, path, demuxer, each, planned, length, progress)
        except PermanentError:
            then = "published without it" if number == len(source.sound) else "the next one is used"
            warnings.append(f"Sound track {number} cannot be decoded: {then}.")
            continue
        if silent:
            warnings.append(f"The sound {SILENT}")
        if errors:
            warnings.append(f"Parts of the sound are damaged: {errors} of its packets could not be decoded.")
        if each.seconds > length + Fraction(_PADDING):
            warnings.append(
                f"The sound is cut at the last picture, {float(length):.1f} s; it lasts {each.seconds:.1f} s."
            )
        return Heard(track, each.language, warnings, number)
    return Heard(None, "und", warnings)


def _encode(
    context: TaskContext,
    path: Path,
    demuxer: str,
    each: SoundTrack,
    planned: Plan,
    length: Fraction,
    progress: Progress,
) -> tuple[Track, int, bool]:
    """The rendition, how many packets could not be decoded, and whether it is too silent to be made louder."""
    tracks = {sound.AUDIO: each.track}
    filters = levels(context, path, demuxer, tracks, planned, length)
    folder = context.scratch / sound.AUDIO
    shutil.rmtree(folder, ignore_errors=True)  # of the track before
    folder.mkdir()
    argv = sound.command(ffmpeg.binary(), path, demuxer, tracks, planned, length, filters)
    report = progress.within(SOUND)

    def on_progress(microseconds: int) -> None:
        report(microseconds / 1_000_000 / float(length))

    decoded = ffmpeg.encode(context, argv, "out_time_us", on_progress, _GRACE + _ALLOWED * float(length))
    return read_track(folder), decoded.errors if decoded else 0, filters.get(sound.AUDIO) == ""
