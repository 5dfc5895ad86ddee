"""Which picture of a video or an image."""

from marshmallow.validate import Range

from broker.schema import Schema
from gateway.fields import QueryInteger, QueryNumber

#: Longer than any video is.
_LAST = 360_000
_WIDE = Range(16, 4096)


class ThumbnailQuery(Schema):
    """A moment and a size."""

    time = QueryNumber(
        load_default=0.0,
        validate=Range(0, _LAST),
        metadata={"description": "Seconds from the beginning; past the end it is the last picture."},
    )
    width = QueryInteger(
        load_default=640,
        validate=_WIDE,
        metadata={"description": "How many pixels wide it is at most: no more than the largest rendition."},
    )


class ImageThumbnailQuery(Schema):
    """A size."""

    width = QueryInteger(
        load_default=640,
        validate=_WIDE,
        metadata={
            "description": "How many pixels wide it is to be: the next of 160, 320, 640 and 1280 is taken, and no more "
            "than the image has."
        },
    )
