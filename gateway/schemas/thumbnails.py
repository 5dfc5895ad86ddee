"""Which picture of a video."""

from marshmallow.validate import Range

from broker.schema import Schema
from gateway.fields import QueryInteger, QueryNumber

#: Longer than any video is.
_LAST = 360_000


class ThumbnailQuery(Schema):
    """A moment and a size."""

    time = QueryNumber(
        load_default=0.0,
        validate=Range(0, _LAST),
        metadata={"description": "Seconds from the beginning; past the end it is the last picture."},
    )
    width = QueryInteger(
        load_default=640,
        validate=Range(16, 4096),
        metadata={"description": "How many pixels wide it is at most: no more than the largest rendition."},
    )
