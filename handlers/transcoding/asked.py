"""What a task asks for: its profile, and what that comes to on this worker."""

import os
from typing import NamedTuple

from broker.context import TaskContext
from broker.environment.reading import read_one
from broker.environment.video_profiles import Profile
from broker.errors import PermanentError
from broker.media.transcoding_options import UnknownProfile, chosen
from handlers.transcoding import encoders

#: What is remembered when hardware has failed on the video.
_SOFTWARE = "software"


class Asked(NamedTuple):
    """``name`` is the profile's, ``encoder`` as ffmpeg calls it, ``loudness`` in LUFS what all sound is brought to.

    ``warnings`` say what is not as the operator would have it.
    """

    name: str
    profile: Profile
    encoder: str
    loudness: float | None
    warnings: list[str]


def asked(context: TaskContext) -> Asked:
    """Raises ``PermanentError`` for a profile that is not there any more, and for what this worker cannot encode."""
    try:
        name, profile = chosen(context.payload, os.environ)
    except UnknownProfile as error:
        raise PermanentError(str(error)) from error
    failed = context.recall(_SOFTWARE)
    encoder, warnings = encoders.choose(context, profile.codec, "never" if failed else _hardware())
    if failed:
        warnings = ["It was encoded by software: the worker's hardware has failed on it."]
    loudness = float(read_one(os.environ, "VIDEO_LOUDNESS")) if profile.normalize_audio else None
    return Asked(name, profile, encoder, loudness, warnings)


def give_up_hardware(context: TaskContext) -> bool:
    """Have this task use software from now on, because hardware has failed; whether the operator lets it."""
    if _hardware() != "prefer" or context.recall(_SOFTWARE):
        return False
    context.remember(_SOFTWARE, True)
    return True


def _hardware() -> str:
    return str(read_one(os.environ, "VIDEO_HARDWARE"))
