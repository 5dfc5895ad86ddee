"""What an audio file says about itself, in the decoder."""

from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer

from broker.errors import PermanentError
from handlers.media.opening import recording
from handlers.media.tracks import audio_track, has_pictures

_TAGS = ("title", "artist", "album", "genre")
#: Characters of a tag that are kept.
_MOST = 300


def describe(path: str) -> dict[str, Any]:
    """``duration_seconds``, if it is known, and those of title, artist, album and genre that it has.

    Raises ``PermanentError`` for what cannot be heard.
    """
    with recording(Path(path)) as container:
        if has_pictures(container):
            raise PermanentError("This file has pictures beside its sound: send it as a video.")
        track = audio_track(container)
        if next(container.decode(track), None) is None:
            raise PermanentError("There is no sound in this file.")
        told: dict[str, Any] = {}
        if seconds := container.duration / av.time_base if container.duration else _measured(container, track):
            told["duration_seconds"] = round(seconds, 3)
        tags = {name.lower(): value for each in (track, container) for name, value in each.metadata.items()}
        for name in _TAGS:
            if words := " ".join(tags.get(name, "").split())[:_MOST]:
                told[name] = words
        return told


def _measured(container: InputContainer, track: AudioStream) -> float:
    """Seconds up to the end of the last packet: what is recorded as it comes, by browsers too, does not say its length.

    The first packets were read already.
    """
    ends = (each.pts + (each.duration or 0) for each in container.demux(track) if each.pts is not None)
    return float(max(0, max(ends, default=0) - (track.start_time or 0)) * (track.time_base or 0))
