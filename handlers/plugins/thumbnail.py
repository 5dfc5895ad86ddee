"""The plugin ``thumbnail``: small pictures of pictures and of moments of videos. Needs no account."""

from collections.abc import Iterator
from typing import Any

from marshmallow import Schema, fields, validate

from broker.plugin import Plugin, PluginContext
from broker.schema_fields import Integer
from handlers.media.bounds import PICTURE, RECORDING
from handlers.media.decoding import decode
from handlers.plugins.list_setting import Listed

_SHOWN = ("width", "height", "time_seconds")
_SIZES = validate.Range(16, 2048)
_LATEST = 12 * 3600


class ThumbnailConfig(Schema):
    """Set by ``THUMBNAIL_SIZES=320,640``, ``THUMBNAIL_TIMES``, ``THUMBNAIL_FORMAT``."""

    sizes = Listed(
        Integer(validate=_SIZES),
        load_default=[320],
        validate=validate.Length(1, 8),
        metadata={"description": "Pixels of the longer side; nothing is enlarged."},
    )
    times = Listed(
        fields.Float(validate=validate.Range(0, _LATEST)),
        load_default=[],
        validate=validate.Length(0, 32),
        metadata={"description": "Seconds from the beginning of a video; a tenth of its length when not set."},
    )
    format = fields.String(
        load_default="jpg", validate=validate.OneOf(["jpg", "png"]), metadata={"description": "Of the pictures made."}
    )


class Thumbnail(Plugin):
    """Pictures of each size, of a video at each time."""

    name = "thumbnail"
    description = "Makes small pictures of pictures and of moments of videos."
    media_types = frozenset({"video", "image"})
    config_schema = ThumbnailConfig
    requires = ("av", "PIL", "pillow_heif")
    installed_by = "mindia-tasks[media]"

    def execute(self, context: PluginContext) -> dict[str, Any]:
        """``{"thumbnails": [{"file", "width", "height", "time_seconds"}]}``; times of pictures are ``None``."""
        made = []
        with context.local_file() as path:
            for drawn in _drawn(context, str(path)):
                moment, seconds = drawn["number"], drawn["time_seconds"]
                name = f"{drawn['size']}.{context.config['format']}"
                name = name if seconds is None else f"{moment}-{name}"
                context.save(name, drawn["data"])
                made.append({"file": name, **{member: drawn[member] for member in _SHOWN}})
                context.progress(100 * (moment + 1) / max(1, len(context.config["times"])), "drawing")
        return {"thumbnails": made}


def _drawn(context: PluginContext, path: str) -> Iterator[dict[str, Any]]:
    config, seconds = context.config, context.seconds_left()
    shape = (sorted(set(config["sizes"])), config["format"])
    if context.media.kind == "image":
        return decode("handlers.plugins.stills:of_picture", path, *shape, limits=PICTURE, seconds=seconds)
    return decode("handlers.plugins.stills:of_video", path, config["times"], *shape, limits=RECORDING, seconds=seconds)
