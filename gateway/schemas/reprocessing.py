"""Videos that are to be transcoded again."""

from marshmallow import fields

from broker.operations.operations import MAX_IDS
from broker.schema import Schema
from gateway.fields import JsonBoolean, Moment, Several


class Reprocess(Schema):
    """How a video is to be transcoded again."""

    options = fields.Dict(
        load_default=dict,
        metadata={"description": "Further members of the payload of VideoTranscoding, beside `video_id`."},
    )
    background = JsonBoolean(
        load_default=True, metadata={"description": "Whether it waits until nothing else does; else it has priority 0."}
    )


class VideoSelection(Schema):
    """Which videos: those that match all of it; an empty object is all."""

    ids = Several(fields.UUID(), MAX_IDS, metadata={"description": "Only these."})
    uploaded_from = Moment(metadata={"description": "Not those that were uploaded before."})
    uploaded_to = Moment(end=True, metadata={"description": "Not those that were uploaded after it."})


class ReprocessMany(Reprocess):
    """Which videos are to be transcoded again, and how."""

    filter = fields.Nested(
        VideoSelection,
        required=True,
        metadata={"description": "Which videos: those that match all of it; an empty object is all."},
    )
    dry_run = JsonBoolean(load_default=False, metadata={"description": "Only count them."})
