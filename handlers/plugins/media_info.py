"""The plugin ``media_info``: what a file holds, as its own headers say. Needs no account."""

from typing import Any

from broker.plugin import Plugin, PluginContext


class MediaInfo(Plugin):
    """Container, length, streams and codecs of videos and sound, size and format of pictures."""

    name = "media_info"
    description = "Tells container, duration, streams, codecs and sizes."
    media_types = frozenset({"video", "audio", "image"})
    requires = ("av", "PIL")

    def execute(self, context: PluginContext) -> dict[str, Any]:
        """``content_type``, ``format``, and ``streams`` with their length, or a picture's ``width``, ``height``, ..."""
        from handlers.plugins.probing import describe_picture, describe_recording  # noqa: PLC0415

        with context.local_file() as path:
            found = describe_picture(path) if context.media.kind == "image" else describe_recording(path)
        return {"content_type": context.media.content_type, **found}
