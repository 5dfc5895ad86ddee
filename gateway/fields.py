"""Fields that take exactly what the contract names; marshmallow's own are more forgiving."""

import re
from typing import Any

from marshmallow import ValidationError, fields

from broker.clock import from_rfc3339
from gateway.current import broker

#: ISO 8601 in its extended format. Other languages write more digits than six; those below the microsecond are dropped.
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIME = re.compile(r"[Tt]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d([.,]\d{1,9})?)?(?P<offset>[Zz]|[+-]\d\d(:?\d\d)?)?", re.ASCII)
_DATE_LENGTH = 10
_NO_MOMENT = (
    "Not an ISO 8601 time such as 2024-01-01T00:00:00Z, 2024-01-01T00:00 or 2024-01-01, "
    "which are in UTC without an offset (in a URL, write the + of an offset as %2B)."
)
#: JSON Schema's integers include 1.0.
_DIGITS = re.compile(r"(-?\d{1,30})(\.0{1,30})?", re.ASCII)
#: As in JSON, which is how programs write small numbers: 1e-05.
_DECIMAL = re.compile(r"-?\d{1,30}(\.\d{1,30})?([eE][+-]?\d{1,3})?", re.ASCII)


class Moment(fields.DateTime):
    """A moment in ISO 8601, in UTC where it has no offset; loads as microseconds since the epoch.

    A date alone is the first moment of that day, or the last one where the field is the ``end`` of a time.
    """

    def __init__(self, *, end: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self._of_day = "T23:59:59.999999Z" if end else "T00:00:00Z"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            return from_rfc3339(self._complete(value))
        except ValueError:
            raise ValidationError(_NO_MOMENT) from None

    def _complete(self, value: Any) -> str:
        """With a time and an offset. Raises ``ValueError``."""
        if not isinstance(value, str) or not _DATE.match(value):
            raise ValueError
        if len(value) == _DATE_LENGTH:
            return value + self._of_day
        time = _TIME.fullmatch(value, _DATE_LENGTH)
        if not time:
            raise ValueError
        return value.upper() if time["offset"] else f"{value.upper()}Z"


class QueryInteger(fields.Integer):
    """A whole number in a URL, in ASCII digits."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        digits = _DIGITS.fullmatch(value)
        if not digits:
            raise self.make_error("invalid", input=value)
        return super()._deserialize(digits[1], attr, data, **kwargs)


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


class BoundedList(fields.List[Any]):
    """A list whose length is checked before its members are looked at, which takes time for each of them."""

    def __init__(self, member: Any, low: int, high: int, **options: Any) -> None:
        bounds = {"minItems": low, "maxItems": high}
        super().__init__(member, **options | {"metadata": {**options.get("metadata", {}), **bounds}})
        self._low, self._high = low, high

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, list) and not self._low <= len(value) <= self._high:
            raise ValidationError(f"Must have {self._low} to {self._high} members.")
        return super()._deserialize(value, attr, data, **kwargs)


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
