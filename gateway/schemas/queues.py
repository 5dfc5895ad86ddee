"""Queues: live state and limits of each task type."""

from marshmallow import fields
from marshmallow.validate import Range

from broker.queues.limits import MAX_AGING
from broker.schema import Schema
from broker.schema_fields import Integer
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
    oldest_age_seconds = fields.Float(
        **nullable("How long the task has waited that came first; held ones do not count.")
    )
    rate = fields.Float(**nullable("Starts per second over all workers; null for no limit."))
    burst = fields.Integer(**required("How many starts an idle queue may make at once."))
    tokens = fields.Float(**nullable("Starts that the rate allows right now; null for no limit."))
    concurrency = fields.Integer(**nullable("Tasks that may run at the same time; null for no limit."))
    paused = fields.Boolean(**required("Whether nothing is started."))
    tenant_rate = fields.Float(**nullable("Starts per second of each tenant; null for no cap."))
    tenant_burst = fields.Integer(**required("How many starts a tenant may make at once after a quiet time."))
    tenant_concurrency = fields.Integer(**nullable("Tasks of a tenant that may run at the same time; null for no cap."))
    group_concurrency = fields.Integer(**nullable("Tasks of a group that may run at the same time; null for no cap."))
    aging_seconds = fields.Integer(**nullable("A waiting task rises a level for each such span; null for never."))
    workers = fields.Integer(**required("Live workers that listen to this type."))
    throughput = fields.Float(**required("Tasks ended per second over the last minute."))


class Accuracy(Schema):
    """How right the forecasts of a type's starts were, of the last 500 that were scored."""

    starts = fields.Integer(**required("Starts that were scored."))
    coverage = fields.Float(**required("The part of them that began between p10 and p90; 0.8 is right."))
    median_error = fields.Float(**required("Median of how far p50 was off, as a part of the wait."))


class QueueList(Schema):
    """All queues."""

    queues = fields.List(fields.Nested(Queue), required=True)
    daemons = fields.Integer(**required("Live daemons; without one, nothing scheduled becomes due."))
    forecasts = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(Accuracy, allow_none=True),
        **required("By type: how right its forecasts were; null while none was scored."),
    )
    warnings = fields.List(fields.String(), **required("Who is missing, so that tasks do not go on."))


def _rate(of_whom: str) -> JsonNumber:
    description = (
        f"Starts per second{of_whom}, with at most three decimals; null for no {'cap' if of_whom else 'limit'}."
    )
    return JsonNumber(allow_none=True, validate=Range(0.001, MAX_RATE), metadata={"description": description})


def _burst(description: str) -> Integer:
    return Integer(strict=True, validate=Range(1, MAX_BURST), metadata={"description": description})


def _count(most: int, description: str) -> Integer:
    return Integer(strict=True, allow_none=True, validate=Range(1, most), metadata={"description": description})


class QueueChange(Change):
    """New settings of a queue; what is left out stays as it is."""

    rate = _rate("")
    burst = _burst("Starts at once after a quiet time.")
    concurrency = _count(MAX_CONCURRENCY, "Tasks running at the same time; null for no limit.")
    tenant_rate = _rate(" of each tenant")
    tenant_burst = _burst("Starts of a tenant after a quiet time.")
    tenant_concurrency = _count(MAX_CONCURRENCY, "Tasks of a tenant running at the same time; null for no cap.")
    group_concurrency = _count(MAX_CONCURRENCY, "Tasks of a group running at the same time; null for no cap.")
    aging_seconds = _count(
        MAX_AGING, "Seconds after which a waiting task rises a level, again and again; null for never."
    )
    paused = JsonBoolean(metadata={"description": "Whether to start nothing until it is unset."})
