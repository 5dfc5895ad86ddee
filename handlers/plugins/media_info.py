"""The plugin ``media_info``: what a file holds, as its own headers say. Needs no account."""

from typing import Any

from broker.plugin import Plugin, PluginContext
from handlers.media.bounds import PICTURE, RECORDING
from handlers.media.decoding import decode_one

_PICTURE, _RECORDING = "handlers.plugins.probing:describe_picture", "handlers.plugins.probing:describe_recording"


class MediaInfo(Plugin):
    """Container, length, streams and codecs of videos and sound, size and format of pictures."""

    name = "media_info"
    description = "Tells container, duration, streams, codecs and sizes."
    media_types = frozenset({"video", "audio", "image"})
    requires = ("av", "PIL", "pillow_heif")
    installed_by = "mindia-tasks[media]"

    def execute(self, context: PluginContext) -> dict[str, Any]:
        """``content_type``, ``format``, and ``streams`` with their length, or a picture's ``width``, ``height``, ..."""
        limits, describe = (PICTURE, _PICTURE) if context.media.kind == "image" else (RECORDING, _RECORDING)
        with context.local_file() as path:
            found = decode_one(describe, str(path), limits=limits, seconds=context.seconds_left())
        return {"content_type": context.media.content_type, **found}
