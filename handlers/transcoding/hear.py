"""Encodes the sound of a video, if there is any that can be decoded. No sound makes a video fail.

The whole is decoded by one program, and each stretch of what that says is encoded by another, which begins anew. A run
that goes on decodes all of it, a seventh of the work, because clocks and filters follow what came before, and encodes
what is missing.
"""

import shutil
from fractions import Fraction
from typing import cast

from broker.context import TaskContext
from broker.errors import PermanentError
from handlers.transcoding import ffmpeg, sound
from handlers.transcoding.beside import Room
from handlers.transcoding.encoder import Video
from handlers.transcoding.kept_sound import Heard, KeptSound
from handlers.transcoding.normalizing import SILENT, levels
from handlers.transcoding.pcm import Pcm
from handlers.transcoding.source import SoundTrack
from handlers.transcoding.stretches import RATE, Stretch, stretches

#: Seconds that one second of sound may take: thousands of times what it needs.
_ALLOWED, _GRACE = 10, 900.0
#: Sound that goes on for no more seconds after the last picture is no loss.
_PADDING = 0.1


def hear(context: TaskContext, video: Video, kept: KeptSound) -> Heard:
    """Make what is missing of the first track that can be decoded; it is stored and written down as it comes.

    Raises ``TransientError`` for trouble of the machine.
    """
    heard = _hear(context, video, kept)
    kept.end(heard)
    return heard


def _hear(context: TaskContext, video: Video, kept: KeptSound) -> Heard:
    sounds, length, warnings = video.source.sound, kept.seconds, list(kept.warnings)
    for number, each in enumerate(sounds, 1):
        if number < kept.number:  # an earlier run has found out that it cannot be decoded
            continue
        try:
            if number > kept.number:
                kept.begin(number, _level(context, video, each, length), warnings)
            errors = _make(context, video, each, kept)
        except PermanentError:
            then = "published without it" if number == len(sounds) else "the next one is used"
            warnings.append(f"Sound track {number} cannot be decoded: {then}.")
            continue
        if kept.level == "":
            warnings.append(f"The sound {SILENT}")
        if errors:
            warnings.append(f"Parts of the sound are damaged: {errors} of its packets could not be decoded.")
        if each.seconds > length + Fraction(_PADDING):
            warnings.append(
                f"The sound is cut at the last picture, {float(length):.1f} s; it lasts {each.seconds:.1f} s."
            )
        return Heard(kept.track(), each.language, warnings, number)
    return Heard(None, "und", warnings)


def _level(context: TaskContext, video: Video, each: SoundTrack, length: Fraction) -> str | None:
    """Its filters; empty where it is too silent to be made louder, ``None`` where nobody asks for it."""
    tracks = {sound.AUDIO: each.track}
    return levels(context, video.path, video.demuxer, tracks, video.plan, length).get(sound.AUDIO)


def _make(context: TaskContext, video: Video, each: SoundTrack, kept: KeptSound) -> int:
    """How many packets could not be decoded."""
    length, decoder = kept.seconds, cast(TaskContext, Room(context, context.scratch / "decoder"))
    argv = sound.decoding(ffmpeg.binary(), video.path, video.demuxer, each.track, length, kept.level or "")
    with ffmpeg.output(decoder, argv, _GRACE + _ALLOWED * float(length)) as output:
        pcm = Pcm(output)
        for stretch in stretches(video.plan, length):
            if not kept.has(stretch):
                pcm.write(context.scratch / sound.PCM, stretch)
                _encode(context, stretch, kept)
        pcm.end()
    if not kept.track().segments:
        raise PermanentError("Nothing of the sound could be decoded.")
    return output.decoded.errors if output.decoded else 0


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
