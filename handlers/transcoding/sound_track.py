"""Makes a rendition of one sound track in stretches.

The whole is decoded by one program, and each stretch of what that says is encoded by another, which begins anew. A run
that goes on decodes all of it, a seventh of the work, because clocks and filters follow what came before, and encodes
what is missing.
"""

import shutil
from collections.abc import Sequence
from typing import cast

from broker.context import TaskContext
from broker.errors import PermanentError, TransientError
from handlers.transcoding import ffmpeg, sound
from handlers.transcoding.beside import Room
from handlers.transcoding.encoder import Video
from handlers.transcoding.kept_sound import KeptSound
from handlers.transcoding.manifest import Mismatch
from handlers.transcoding.normalizing import levels
from handlers.transcoding.pcm import Pcm
from handlers.transcoding.source import SoundTrack
from handlers.transcoding.stretches import FRAME, RATE, Stretch, stretches

#: Seconds that one second of sound may take: thousands of times what it needs.
_ALLOWED, _GRACE = 10, 900.0


def make_track(
    context: TaskContext, video: Video, number: int, each: SoundTrack, kept: KeptSound, warnings: Sequence[str] = ()
) -> int:
    """Make what is missing; it is stored and written down as it comes. ``number`` is the track's, from 1 on.

    ``warnings`` are on tracks of which the rendition could not be made. Answers how many packets could not be decoded.
    Raises ``PermanentError`` for a track of which that is most, and ``TransientError`` for trouble of the machine.
    """
    if kept.number != number:
        kept.begin(number, _level(context, video, each, kept), warnings)
    try:
        return _make(context, video, each, kept)
    except Mismatch:  # an earlier run's ffmpeg has made it otherwise; pictures have nothing to do with it
        kept.begin_anew()
    try:
        return _make(context, video, each, kept)
    except Mismatch as error:
        raise TransientError("Stretches of the sound do not fit together.") from error


def _make(context: TaskContext, video: Video, each: SoundTrack, kept: KeptSound) -> int:
    length, decoder = kept.seconds, cast(TaskContext, Room(context, context.scratch / "decoder"))
    made = stretches(video.plan, length)
    missing = [stretch for stretch in made if not kept.has(stretch)]
    first = (missing or made[-1:])[0].reads_from
    argv = sound.decoding(ffmpeg.binary(), video.path, video.demuxer, each.track, length, kept.level or "", first)
    allowed, quiet = _GRACE + _ALLOWED * float(length), first * FRAME / RATE
    with ffmpeg.output(decoder, argv, allowed, quiet=quiet) as output:
        pcm = Pcm(output, first)
        for stretch in missing:
            pcm.write(context.scratch / sound.PCM, stretch)
            _encode(context, stretch, kept)
        pcm.end()
    if not kept.track().segments:
        raise PermanentError("Nothing of the sound could be decoded.")
    return output.decoded.errors if output.decoded else 0


def _level(context: TaskContext, video: Video, each: SoundTrack, kept: KeptSound) -> str | None:
    """Its filters; empty where it is too silent to be made louder, ``None`` where nobody asks for it."""
    return levels(context, video.path, video.demuxer, each.track, video.plan, kept.seconds)


def _encode(context: TaskContext, stretch: Stretch, kept: KeptSound) -> None:
    folder, samples = context.scratch / sound.AUDIO, context.scratch / sound.PCM
    shutil.rmtree(folder, ignore_errors=True)  # of the one before
    folder.mkdir()
    length = samples.stat().st_size / sound.BYTES / RATE
    if length:
        argv = sound.encoding(ffmpeg.binary(), stretch)
        allowed = _GRACE + _ALLOWED * length
        ffmpeg.encode(context, argv, "out_time_us", lambda done: kept.store(folder, stretch, ended=False), allowed)
        kept.store(folder, stretch, ended=True)
    samples.unlink()
