"""Queues: live state and limits of each task type."""

from marshmallow import fields
from marshmallow.validate import Range

from broker.fields import Integer
from broker.schema import Schema
from broker.task_type import MAX_BURST, MAX_CONCURRENCY, MAX_RATE
from gateway.fields import JsonBoolean, JsonNumber, TypeName
from gateway.schemas.change import Change
from gateway.schemas.members import nullable, required


class Queue(Schema):
    """The queue of one task type."""

    type = TypeName(**required("The task type."))
    depth = fields.Integer(**required("Tasks that wait to be started."))
    scheduled = fields.Integer(**required("Tasks that are not due yet."))
    processing = fields.Integer(**required("Tasks that are being run."))
    oldest_age_seconds = fields.Float(**nullable("How long the task at the head has waited."))
    rate = fields.Float(**nullable("Starts per second over all workers; null for no limit."))
    burst = fields.Integer(**required("How many starts an idle queue may make at once."))
    tokens = fields.Float(**nullable("Starts that the rate allows right now; null for no limit."))
    concurrency = fields.Integer(**nullable("Tasks that may run at the same time; null for no limit."))
    paused = fields.Boolean(**required("Whether nothing is started."))
    workers = fields.Integer(**required("Live workers that listen to this type."))
    throughput = fields.Float(**required("Tasks ended per second over the last minute."))


class QueueList(Schema):
    """All queues."""

    queues = fields.List(fields.Nested(Queue), required=True)
    daemons = fields.Integer(**required("Live daemons; without one, nothing scheduled becomes due."))
    warnings = fields.List(fields.String(), **required("Who is missing, so that tasks do not go on."))


class QueueChange(Change):
    """New settings of a queue; what is left out stays as it is."""

    rate = JsonNumber(
        allow_none=True,
        validate=Range(0.001, MAX_RATE),
        metadata={"description": "Starts per second, with at most three decimals; null for no limit."},
    )
    burst = Integer(
        strict=True, validate=Range(1, MAX_BURST), metadata={"description": "Starts at once after a quiet time."}
    )
    concurrency = Integer(
        strict=True,
        allow_none=True,
        validate=Range(1, MAX_CONCURRENCY),
        metadata={"description": "Tasks running at the same time; null for no limit."},
    )
    paused = JsonBoolean(metadata={"description": "Whether to start nothing until it is unset."})
