"""What an audio file says about itself, in the decoder."""

from pathlib import Path
from typing import Any

import av

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
        if container.duration:
            told["duration_seconds"] = round(container.duration / av.time_base, 3)
        tags = {name.lower(): value for each in (track, container) for name, value in each.metadata.items()}
        for name in _TAGS:
            if words := " ".join(tags.get(name, "").split())[:_MOST]:
                told[name] = words
        return told
