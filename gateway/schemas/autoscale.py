"""How many workers are wanted."""

from marshmallow import fields
from marshmallow.validate import Range

from broker.schema import Schema
from gateway.fields import QueryNumber
from gateway.schemas.members import required

_REASONS = ["idle", "paused", "steady", "backlog", "tokens", "concurrency", "hold"]


class AutoscaleQuery(Schema):
    """What is to be reached."""

    objective = QueryNumber(
        load_default=60.0,
        validate=Range(1, 86_400),
        metadata={"description": "Seconds within which a task is to start that no limit holds back."},
    )


class WorkersWanted(Schema):
    """Workers that listen to the same types: a line of the Procfile."""

    types = fields.List(fields.String(), **required("The types that they listen to."))
    processes = fields.Integer(**required("Worker processes that are there and take tasks."))
    wanted = fields.Integer(**required("Worker processes that are wanted."))
    reason = fields.String(
        **required(
            "steady: to keep pace; backlog: for what waits; tokens: more would start no more, the rate holds back; "
            "concurrency: as many as may run; hold: as many as were wanted in the last five minutes; paused; idle.",
            enum=_REASONS,
        )
    )


class AutoscaleAnswer(Schema):
    """What is wanted now."""

    objective_seconds = fields.Float(**required("What was asked for."))
    workers = fields.List(fields.Nested(WorkersWanted), required=True)
