"""Encodes the sound tracks that are not the first: other languages, comments, descriptions. None makes a video fail.

All are made by one process; where that fails, each by its own, and those that cannot be decoded are left out.
"""

import shutil
from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import NamedTuple

from broker.context import TaskContext
from broker.errors import PermanentError
from handlers.transcoding import ffmpeg, sound
from handlers.transcoding.normalizing import SILENT, levels
from handlers.transcoding.plan import Plan
from handlers.transcoding.playlists import AUDIO_GROUP, MEDIA, Track, read_track
from handlers.transcoding.source import SoundTrack

#: So many are made at most; each is an encoder.
_MOST = 15
#: Seconds that one second of a track may take.
_ALLOWED, _GRACE = 10, 900.0


class Further(NamedTuple):
    """The renditions, in the file's order, each with its source, and what is not among them."""

    tracks: list[tuple[Track, SoundTrack]]
    warnings: list[str]


def hear_further(
    context: TaskContext,
    path: Path,
    demuxer: str,
    others: Sequence[tuple[int, SoundTrack]],
    planned: Plan,
    length: Fraction,
) -> Further:
    """Encode ``others``, each with its number from 1 on, into ``length`` seconds; leaves them in the scratch folder.

    Raises ``TransientError`` for trouble of the machine.
    """
    wanted = {f"{sound.AUDIO}{number}": (number, each) for number, each in others[:_MOST]}
    left = len(others) - len(wanted)
    warnings = [f"{left} further sound tracks are left out: no more than {_MOST} are made."] if left else []
    if not wanted:
        return Further([], warnings)

    def encode(folders: Mapping[str, int]) -> None:
        for name in folders:
            shutil.rmtree(context.scratch / name, ignore_errors=True)
            (context.scratch / name).mkdir()
        filters = levels(context, path, demuxer, folders, planned, length)
        argv = sound.command(ffmpeg.binary(), path, demuxer, folders, planned, length, filters)
        allowed = _GRACE + _ALLOWED * float(length) * len(folders)
        ffmpeg.encode(context, argv, "out_time_us", lambda done: None, allowed)
        warnings.extend(f"Sound track {wanted[name][0]} {SILENT}" for name in folders if filters.get(name) == "")

    made: list[tuple[Track, SoundTrack]] = []
    try:
        encode({name: each.track for name, (_, each) in wanted.items()})
        return Further([(read_track(context.scratch / name), each) for name, (_, each) in wanted.items()], warnings)
    except PermanentError:
        context.log.info("one of the further sound tracks cannot be decoded: each is tried alone")
    for name, (number, each) in wanted.items():
        try:
            encode({name: each.track})
            made.append((read_track(context.scratch / name), each))
        except PermanentError:
            warnings.append(f"Sound track {number} cannot be decoded: it is left out.")
    return Further(made, warnings)


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
