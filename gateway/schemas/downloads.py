"""Which rendition of a video."""

from marshmallow import fields
from marshmallow.validate import Length

from broker.schema import Schema


class DownloadQuery(Schema):
    """A rendition."""

    variant = fields.String(
        validate=Length(1, 32),
        metadata={
            "description": "The `name` of one of the video's `variants`; the largest unless given.",
            "example": "720p",
        },
    )
