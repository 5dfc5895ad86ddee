"""Videos that are to be transcoded again."""

from marshmallow import fields

from broker.operations.reprocessing import MOST
from broker.schema import Schema
from gateway.fields import JsonBoolean, Moment, Several
from gateway.schemas.members import nullable, required


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

    ids = Several(fields.UUID(), MOST, metadata={"description": "Only these; `next` is null then."})
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


class Reprocessed(Schema):
    """What came of one call."""

    dry_run = fields.Boolean(**required("Whether they were only counted."))
    matched = fields.Integer(**required(f"Videos that match, of up to {MOST} that were looked at."))
    queued = fields.Integer(**required("Those of which a task was made, or with `dry_run` would be."))
    skipped = fields.Integer(**required("Those of which none was."))
    reasons = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        **required("Why, and how many: `source_removed`, `not_transcoded`, `in_progress` (a task is there already)."),
    )
    task_ids = fields.List(fields.String(), **required("The tasks."))
    next = fields.String(
        **nullable("The `uploaded_from` with which the rest is asked for; null when there is none.", format="date-time")
    )
