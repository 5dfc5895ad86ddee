"""What a task would come to, before it is submitted."""

from marshmallow import fields

from broker.schema import Schema
from gateway.schemas.members import nullable, required
from gateway.schemas.waiting import Estimate


class Work(Schema):
    """Seconds for which one run keeps a worker."""

    p10 = fields.Float(**required("One of ten is shorter."))
    p50 = fields.Float(**required("Half are shorter."))
    p90 = fields.Float(**required("Nine of ten are shorter."))


class Quote(Schema):
    """When a task would start and end, and what it would cost."""

    type = fields.String(**required("The task type."))
    priority = fields.Integer(**required("The priority that it would have; 0 in the background."))
    background = fields.Boolean(**required("Whether it would wait in the background."))
    estimate = fields.Nested(Estimate, **nullable("When it would start and end, if things stay as they are."))
    no_estimate = fields.String(**nullable("Why there is no estimate, where there is none."))
    work_seconds = fields.Nested(Work, required=True)
    media_seconds = fields.Float(**nullable("How long the recording lasts that it is about, where that is known."))
    position = fields.Integer(
        **required("Its place, from 1, in what waits of your tenant, and of its group, at its priority.")
    )
