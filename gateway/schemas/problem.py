"""The shape of every error."""

from marshmallow import fields

from broker.defects import MAX_DEFECTS
from broker.schema import Schema


class Defect(Schema):
    """One thing that is wrong with a request."""

    pointer = fields.String(
        required=True,
        metadata={
            "description": "Where: a JSON pointer into the body as a URI fragment, or the name of a query parameter, "
            "header or part.",
            "example": "#/payload/video_id",
        },
    )
    detail = fields.String(required=True, metadata={"description": "What is wrong there."})


class Problem(Schema):
    """An RFC 9457 problem document."""

    type = fields.String(required=True, metadata={"description": "Always about:blank; `code` tells problems apart."})
    title = fields.String(required=True, metadata={"description": "The status in words."})
    status = fields.Integer(required=True, metadata={"description": "The HTTP status."})
    detail = fields.String(required=True, metadata={"description": "What happened and what can be done about it."})
    instance = fields.String(required=True, metadata={"description": "The path that was asked for."})
    code = fields.String(
        required=True, metadata={"description": "The problem, in stable snake case.", "example": "not_cancellable"}
    )
    errors = fields.List(
        fields.Nested(Defect),
        metadata={"description": "What is wrong with an invalid request.", "maxItems": MAX_DEFECTS},
    )
    errors_omitted = fields.Integer(
        metadata={"description": "How many more defects it has, where they are more than are listed.", "minimum": 1}
    )
    line = fields.Integer(
        metadata={"description": "In which line of the file it is (`invalid_captions`), from 1.", "minimum": 1}
    )
    max_bytes = fields.Integer(metadata={"description": "How many bytes may be sent, where they were more (413)."})
    upload_offset = fields.Integer(
        metadata={"description": "How many bytes of an upload are there (`offset_mismatch`)."}
    )
    current_status = fields.String(metadata={"description": "The task's status, where that is the obstacle."})
    earliest_start = fields.String(
        metadata={
            "description": "Before which the task would not start, of one whose deadline comes sooner.",
            "format": "date-time",
        }
    )
    required_scope = fields.String(metadata={"description": "The scope that the key lacks (403)."})
    retry_count = fields.Integer(metadata={"description": "Retries already used, where none is left."})
    max_retries = fields.Integer(metadata={"description": "Retries granted, where none is left."})
    retry_after = fields.Float(metadata={"description": "Seconds until another try makes sense, on 429, 503 and 507."})
    quota = fields.String(metadata={"description": "The quota that leaves no room (`quota_exceeded`)."})
    limit = fields.Integer(metadata={"description": "What it is."})
    used = fields.Integer(metadata={"description": "How much of it is used."})
    task_ids = fields.List(
        fields.String(),
        metadata={
            "description": "On 503: the tasks that were accepted, and are not known to be kept as `DURABILITY` demands "
            "(`not_confirmed`), or may have been accepted before the store could not be reached (`unavailable`). Look "
            "there before you repeat a request without an Idempotency-Key."
        },
    )
