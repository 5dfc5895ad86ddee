"""What a task's runs have said."""

from typing import Any

from marshmallow import ValidationError, fields
from marshmallow.validate import Range

from broker.schema import Schema
from broker.task_logs import place
from gateway.fields import QueryInteger
from gateway.schemas.members import nullable, required

#: As the API document writes it.
_PATTERN = r"^[0-9]{1,10}-[0-9]{1,10}(?![\s\S])"


class _LineId(fields.String):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            place(value)
        except ValueError:
            raise ValidationError("Must be the id of a line.") from None
        return value


class LogQuery(Schema):
    """Which lines."""

    after = _LineId(
        metadata={"description": "Only those after the line with this id.", "example": "1-100", "pattern": _PATTERN}
    )
    attempt = QueryInteger(
        validate=Range(1, 10**9), metadata={"description": "Only those of this run, 1 for the first."}
    )
    limit = QueryInteger(load_default=100, validate=Range(1, 1000), metadata={"description": "How many at most."})


class LastLine(Schema):
    """The header with which a stream is resumed."""

    last_id = _LineId(
        data_key="Last-Event-ID",
        metadata={
            "description": "The id of the last line that was received: those after it are told.",
            "example": "1-17",
            "pattern": _PATTERN,
        },
    )


class LogLine(Schema):
    """A line: what was logged or printed by one call, tracebacks included."""

    id = fields.String(
        **required("The attempt and the line's number in it; numbers of lines that are missing are left out.")
    )
    attempt = fields.Integer(**required("The run that said it, 1 for the first."))
    at = fields.String(**required("When.", format="date-time"))
    level = fields.String(**required("`debug`, `info`, `warning`, `error` or `critical`."))
    logger = fields.String(**required("Who: `handler`, a library, or `stdout` and `stderr` for what was printed."))
    message = fields.String(**required("What. Control characters are written as escapes, but for the ends of lines."))


class LogPage(Schema):
    """Lines in the order in which they were said."""

    lines = fields.List(fields.Nested(LogLine), required=True)
    next = fields.String(**nullable("Ask with this `after` for those that follow; null when there are none yet."))
    removed = fields.Integer(**required("How many older lines are not kept any more."))
