"""Makes the sound that players begin with, if there is any that can be decoded. No sound makes a video fail.

Of several tracks it is the first that can be decoded.
"""

from fractions import Fraction

from broker.context import TaskContext
from broker.errors import PermanentError
from handlers.transcoding.encoder import Video
from handlers.transcoding.kept_sound import Heard, KeptSound
from handlers.transcoding.normalizing import SILENT
from handlers.transcoding.sound_track import make_track

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
            errors = make_track(context, video, number, each, kept, warnings)
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
