"""Why a task waits, and when it starts and ends."""

from marshmallow import fields

from broker.forecast.waiting import REASONS
from broker.schema import Schema
from gateway.schemas.members import nullable, required

_MOMENT = {"format": "date-time"}


class Span(Schema):
    """A moment, as far as it is known: eight of ten lie between the first and the last."""

    p10 = fields.String(**required("One of ten is earlier.", **_MOMENT))
    p50 = fields.String(**required("As likely earlier as later.", **_MOMENT))
    p90 = fields.String(**required("One of ten is later.", **_MOMENT))


class Estimate(Schema):
    """When a task starts and ends."""

    start = fields.Nested(Span, required=True)
    finish = fields.Nested(Span, required=True)
    basis = fields.String(
        **required("Whether durations were measured, or are what the type declares.", enum=["measured", "declared"])
    )
    made_at = fields.String(**required("When this was worked out.", **_MOMENT))


class Help(Schema):
    """A change that would let a task start sooner."""

    change = fields.String(**required("What to change."))
    saves_seconds = fields.Float(**nullable("By how much sooner it starts; null where it starts no other way."))


class Waiting(Schema):
    """Why a task waits."""

    reason = fields.String(**required("The first of these that keeps it.", enum=list(REASONS)))
    detail = fields.String(**required("The reason in words and numbers."))
    until = fields.String(**nullable("When that may be over, where it is known.", **_MOMENT))
    position = fields.Integer(**nullable("Its place, from 1, in what its tenant has waiting of its type."))
    ahead = fields.Integer(**nullable("Starts of the type that are expected before it."))
    estimate = fields.Nested(Estimate, **nullable("When it starts and ends, if things stay as they are."))
    no_estimate = fields.String(**nullable("Why there is no estimate, where there is none."))
    would_help = fields.List(
        fields.Nested(Help),
        **required("What would let it start sooner, the best first; only where a single task is shown."),
    )
