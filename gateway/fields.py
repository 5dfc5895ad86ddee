"""Fields that take exactly what the contract names; marshmallow's own are more forgiving."""

import re
from typing import Any

from marshmallow import ValidationError, fields

from broker.clock import from_rfc3339
from gateway.current import broker

#: RFC 3339. Other languages write more digits than six; those below the microsecond are dropped.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_NO_MOMENT = (
    "Not an RFC 3339 time with seconds and a UTC offset, such as 2024-01-01T00:00:00Z "
    "(in a URL, write the + of an offset as %2B)."
)
_DIGITS = re.compile(r"-?\d{1,30}", re.ASCII)
#: As in JSON, which is how programs write small numbers: 1e-05.
_DECIMAL = re.compile(r"-?\d{1,30}(\.\d{1,30})?([eE][+-]?\d{1,3})?", re.ASCII)


class Moment(fields.DateTime):
    """A moment in RFC 3339 with a UTC offset; loads as microseconds since the epoch."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, str) or not _MOMENT.fullmatch(value):
            raise ValidationError(_NO_MOMENT)
        try:
            return from_rfc3339(value.upper())
        except ValueError:
            raise ValidationError(_NO_MOMENT) from None


class QueryInteger(fields.Integer):
    """A whole number in a URL, in ASCII digits."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not _DIGITS.fullmatch(value):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class QueryNumber(fields.Float):
    """A decimal number in a URL, in ASCII digits."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not _DECIMAL.fullmatch(value):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class QueryFlag(fields.Boolean):
    """``true`` or ``false`` in a URL."""

    def __init__(self, **options: Any) -> None:
        super().__init__(truthy={"true"}, falsy={"false"}, **options)


class JsonNumber(fields.Float):
    """A JSON number; a text that looks like one is not."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, str):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class JsonBoolean(fields.Boolean):
    """A JSON boolean; 1 and "yes" are not."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class TypeName(fields.String):
    """The name of a task type that this deployment knows."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        name = super()._deserialize(value, attr, data, **kwargs)
        if name not in broker().types:
            raise ValidationError(f"Must be one of: {', '.join(sorted(broker().types))}.")
        return name


class Payload(fields.Dict):
    """A task's payload: an object; the task type's own schema checks what is in it."""


class Result(fields.Raw):
    """A task's result, of the shape that its type declares."""
