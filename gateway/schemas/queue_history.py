"""What each type did in the last hour."""

from marshmallow import fields

from broker.schema import Schema
from broker.status import ENDS
from gateway.schemas.members import nullable, required


class Quantiles(Schema):
    """Seconds."""

    p50 = fields.Float(**required("Half of them took no longer."))
    p90 = fields.Float(**required("Nine of ten took no longer."))


_ENDED = Schema.from_dict(
    {end: fields.Integer(**required(f"Tasks that ended in it as {end}.")) for end in ENDS}, name="_Ended"
)


class Ended(_ENDED):  # type: ignore[misc, valid-type]
    """By outcome."""


class HistoryRow(Schema):
    """What happened in one step."""

    begin = fields.String(**required("When the step began.", format="date-time"))
    started = fields.Integer(**required("Runs that began; one that is tried again counts when it ends for good."))
    ended = fields.Nested(Ended, required=True)
    wait = fields.Nested(Quantiles, **nullable("How long tasks waited that started in it; of a sample."))
    run = fields.Nested(Quantiles, **nullable("How long runs took that ended well in it; of a sample."))


class TypeHistory(Schema):
    """One type."""

    type = fields.String(**required("The task type."))
    rows = fields.List(
        fields.Nested(HistoryRow), **required("The oldest first; without those in which nothing happened.")
    )


class QueueHistory(Schema):
    """The last hour."""

    step_seconds = fields.Integer(**required("Seconds of each row."))
    types = fields.List(fields.Nested(TypeHistory), required=True)
