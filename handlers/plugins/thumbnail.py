"""The plugin ``thumbnail``: small pictures of pictures and of moments of videos. Needs no account."""

from typing import Any

from marshmallow import Schema, fields, validate

from broker.plugin import Plugin, PluginContext
from handlers.plugins.lists import Listed

_SIZES = validate.Range(16, 2048)
_LATEST = 12 * 3600


class ThumbnailConfig(Schema):
    """Set by ``THUMBNAIL_SIZES=320,640``, ``THUMBNAIL_TIMES``, ``THUMBNAIL_FORMAT``."""

    sizes = Listed(
        fields.Integer(validate=_SIZES),
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
    requires = ("av", "PIL")

    def execute(self, context: PluginContext) -> dict[str, Any]:
        """``{"thumbnails": [{"file", "width", "height", "time_seconds"}]}``; times of pictures are ``None``."""
        from handlers.plugins.stills import encode, moments, shrink, still  # noqa: PLC0415

        sizes, ending = sorted(set(context.config["sizes"])), context.config["format"]
        made = []
        with context.local_file() as path:
            seen = still(path) if context.media.kind == "image" else moments(path, context.config["times"])
            for number, (image, seconds) in enumerate(seen):
                for size in sizes:
                    small = shrink(image, size)
                    name = f"{size}.{ending}" if seconds is None else f"{number}-{size}.{ending}"
                    context.save(name, encode(small, ending))
                    made.append({"file": name, "width": small.width, "height": small.height, "time_seconds": seconds})
                context.progress(100 * (number + 1) / max(1, len(context.config["times"])), "drawing")
        return {"thumbnails": made}
