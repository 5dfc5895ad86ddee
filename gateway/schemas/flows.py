"""Flows: tasks that belong together."""

from marshmallow import fields

from broker.schema import Schema
from gateway.schemas.members import nullable, required

_TIME = {"format": "date-time", "example": "2024-01-01T00:00:05.123456Z"}


class Flow(Schema):
    """The tasks that were submitted under one id, and whether all of them have ended."""

    id = fields.String(**required("The id that its owner has chosen."))
    status = fields.String(
        **required(
            "open while a task of it has not ended; then completed if all of them have, else failed.",
            enum=["open", "completed", "failed"],
        )
    )
    total = fields.Integer(**required("Its tasks."))
    by_status = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        **required("Its tasks per status; one that was deleted before its end counts as cancelled."),
    )
    created_at = fields.String(**required("When its first task was submitted.", **_TIME))
    ended_at = fields.String(**nullable("When the last of them ended; null while it is open.", **_TIME))
