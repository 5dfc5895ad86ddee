"""Which rendition of a video, and which part of it."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema
from marshmallow.validate import Length, Range

from broker.schema import Schema
from gateway.fields import QueryNumber

#: Longer than any video is.
_LAST = 360_000


class RangeQuery(Schema):
    """A range of time."""

    start = QueryNumber(
        validate=Range(0, _LAST),
        metadata={"description": "Where it begins, in seconds; 0 unless given.", "example": 12.5},
    )
    end = QueryNumber(
        validate=Range(0, _LAST, min_inclusive=False),
        metadata={"description": "Where it ends, in seconds; the end of the video unless given.", "example": 30},
    )

    @validates_schema
    def check_order(self, data: dict[str, Any], **_: Any) -> None:
        """That something lies between them."""
        if data.get("end", _LAST) <= data.get("start", 0):
            raise ValidationError({"end": ["Must be later than start."]})


class DownloadQuery(RangeQuery):
    """A rendition, and which part of it."""

    variant = fields.String(
        validate=Length(1, 32),
        metadata={
            "description": "The `name` of one of the video's `variants`; the largest unless given.",
            "example": "720p",
        },
    )
