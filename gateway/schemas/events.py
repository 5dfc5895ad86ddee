"""What a client that comes back to an event stream says."""

from typing import Any

from marshmallow import ValidationError, fields

from broker.event import position
from broker.schema import Schema


class _EventId(fields.String):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            position(value)
        except ValueError:
            raise ValidationError("Must be the id of the last event that you were sent.") from None
        return value


class LastEventId(Schema):
    """The header with which a stream is resumed."""

    last_id = _EventId(
        data_key="Last-Event-ID",
        metadata={
            "description": "The id of the last event that was received: what happened since is told first. Where that "
            "is not kept any more, the stream begins with `reset` and the state as it is now.",
            "example": "1795614386954-0",
            "pattern": r"^[0-9]{1,15}-[0-9]{1,15}(?![\s\S])",
        },
    )
