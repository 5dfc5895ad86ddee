"""What if: other limits, workers and weights, and what would become of what waits."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema
from marshmallow.validate import Length, Range

from broker.schema import Schema
from broker.schema_fields import Integer
from gateway.fields import ByName, JsonNumber, Moment, TypeName
from gateway.schemas.members import nullable, required
from gateway.schemas.queues import QueueChange

_MOST_WORKERS, _MOST_NAMED = 10_000, 100


class WorkerCount(Schema):
    """How many processes of one kind there would be."""

    types = fields.List(TypeName(), validate=Length(1), **required("The types that they listen to, all of them."))
    processes = Integer(strict=True, validate=Range(0, _MOST_WORKERS), **required("Worker processes."))


class Simulation(Schema):
    """What would be different. What is not named stays as it is."""

    limits = ByName(
        keys=TypeName(),
        values=fields.Nested(QueueChange),
        metadata={"description": "By type: what PATCH /api/queues/{type} takes."},
    )
    workers = fields.List(fields.Nested(WorkerCount), validate=Length(max=_MOST_NAMED))
    weights = ByName(
        keys=fields.String(),
        values=JsonNumber(validate=Range(0.001, 1000)),
        metadata={"description": "By tenant: its share beside others'."},
    )
    since = Moment(metadata={"description": "Play what came from then on again, instead of what waits now."})
    until = Moment(end=True, metadata={"description": "Until then; needs since, and is now without."})

    @validates_schema
    def check_times(self, data: dict[str, Any], **_: Any) -> None:
        if "until" in data and "since" not in data:
            raise ValidationError("Needs since.", "until")
        if "until" in data and data["until"] <= data["since"]:
            raise ValidationError("Must be later than since.", "until")


class Drained(Schema):
    """Seconds from now, or from since."""

    p10 = fields.Float(**required("One of ten is sooner."))
    p50 = fields.Float(**required("Half are sooner."))
    p90 = fields.Float(**required("Nine of ten are sooner."))


class Waited(Schema):
    """Seconds."""

    p50 = fields.Float(**required("Half wait no longer."))
    p90 = fields.Float(**required("Nine of ten wait no longer."))


class Outlook(Schema):
    """What becomes of tasks."""

    tasks = fields.Integer(**required("How many there are."))
    drained = fields.Nested(Drained, **nullable("When the last of them starts; null for never, and without any."))
    wait = fields.Nested(Waited, **nullable("How long they wait, from now on, of those that start."))


class TypeOutlook(Schema):
    """One type."""

    type = fields.String(**required("The task type."))
    total = fields.Nested(Outlook, required=True)
    tenants = fields.Dict(
        keys=fields.String(), values=fields.Nested(Outlook), **required("Where several wait: those with the most.")
    )


class SimulationResult(Schema):
    """The same of both, by the same model."""

    basis = fields.String(**required("live: what waits now; recorded: what came then.", enum=["live", "recorded"]))
    before = fields.List(fields.Nested(TypeOutlook), **required("As things are set."))
    after = fields.List(fields.Nested(TypeOutlook), **required("With the changes."))
