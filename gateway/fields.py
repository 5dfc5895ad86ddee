"""Fields that take exactly what the contract names; marshmallow's own are more forgiving."""

import re
from typing import Any

from marshmallow import ValidationError, fields
from marshmallow.validate import Length

from broker.clock import from_rfc3339
from broker.tasks.links import FLOW, FLOW_WORDS
from broker.tasks.places import Place, from_cursor
from gateway.current import broker

#: ISO 8601 in its extended format. Other languages write more digits than six; those below the microsecond are dropped.
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIME = re.compile(r"[Tt]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d([.,]\d{1,9})?)?(?P<offset>[Zz]|[+-]\d\d(:?\d\d)?)?", re.ASCII)
_DATE_LENGTH = 10
_NO_MOMENT = (
    "Not an ISO 8601 time such as 2024-01-01T00:00:00Z, 2024-01-01T00:00 or 2024-01-01, "
    "which are in UTC without an offset (in a URL, write the + of an offset as %2B)."
)
_LAST_MOMENT = 2**53
#: The last that can be written: west of Greenwich, the year 9999 ends in the year 10000 of UTC, which has no text.
_LAST_SHOWN = from_rfc3339("9999-12-31T23:59:59.999999Z")
_TOO_FAR = "Too far in the future."
#: JSON Schema's integers include 1.0.
_DIGITS = re.compile(r"(-?\d{1,30})(\.0{1,30})?", re.ASCII)
#: As in JSON, which is how programs write small numbers: 1e-05.
_DECIMAL = re.compile(r"-?\d{1,30}(\.\d{1,30})?([eE][+-]?\d{1,3})?", re.ASCII)


def check_representable(moment_us: int) -> None:
    """That a moment is one that Redis and Lua can count, in doubles of microseconds. Raises ``ValidationError``."""
    if moment_us > _LAST_MOMENT:
        raise ValidationError(_TOO_FAR)


class Moment(fields.DateTime):
    """A moment in ISO 8601, in UTC where it has no offset; loads as microseconds since the epoch.

    A date alone is the first moment of that day, or the last one where the field is the ``end`` of a time.
    """

    def __init__(self, *, end: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self._of_day = "T23:59:59.999999Z" if end else "T00:00:00Z"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            moment_us = from_rfc3339(self._complete(value))
        except ValueError:
            raise ValidationError(_NO_MOMENT) from None
        if moment_us > _LAST_SHOWN:
            raise ValidationError(_TOO_FAR)
        return moment_us

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


class Several(fields.Field[tuple[Any, ...]]):
    """One or several values, each once: in a URL repeated or with commas between them, in JSON one or a list."""

    #: What reads a query hands over all that a name was given, with commas between them.
    several = True

    def __init__(self, member: fields.Field[Any], most: int, **options: Any) -> None:
        super().__init__(**options)
        self.member, self.most = member, most

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[Any, ...]:
        given = value.split(",") if isinstance(value, str) else value
        if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
            raise ValidationError("Must be text, or a list of texts.")
        if not 1 <= len(given) <= self.most:
            raise ValidationError(f"Must have 1 to {self.most} members.")
        return tuple(dict.fromkeys(self.member.deserialize(each, attr, data, **kwargs) for each in given))


class Cursor(fields.Field[Place | None]):
    """A ``next_cursor``, or one of a ``Link``; empty for the beginning."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Place | None:
        try:
            return from_cursor(value) if value else None
        except ValueError:
            raise ValidationError("Not a cursor that was answered here.") from None


class TypeName(fields.String):
    """The name of a task type that this deployment knows."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        name = super()._deserialize(value, attr, data, **kwargs)
        if name not in broker().types:
            raise ValidationError(f"Must be one of: {', '.join(sorted(broker().types))}.")
        return name


class FlowId(fields.String):
    """The id of a flow."""

    def __init__(self, **options: Any) -> None:
        options["metadata"] = {"pattern": r"^[A-Za-z0-9_-]{1,64}(?![\s\S])", **options.get("metadata", {})}
        super().__init__(validate=Length(1, 64), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        flow_id = super()._deserialize(value, attr, data, **kwargs)
        if not FLOW.fullmatch(flow_id):
            raise ValidationError(f"Must be {FLOW_WORDS}.")
        return flow_id


class Words(fields.String):
    """Characters that can be printed, so many at most; a lone half of a surrogate pair is none."""

    def __init__(self, most: int, **options: Any) -> None:
        super().__init__(validate=Length(1, most), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, str):
            raise ValidationError("Must be text.")
        if not value.isprintable():
            raise ValidationError("Must be printable characters.")
        return super()._deserialize(value, attr, data, **kwargs)


class ByName(fields.Dict):
    """An object whose members are named by the caller; a defect in one is shown where it is."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            return super()._deserialize(value, attr, data, **kwargs)
        except ValidationError as error:
            if not isinstance(error.messages, dict):
                raise
            # marshmallow puts "key" and "value" between the name and what is wrong.
            named: dict[str, Any] = error.messages
            where = {name: each.get("key") or each["value"] for name, each in named.items()}
            raise ValidationError(where, data=error.data, valid_data=error.valid_data) from None


class Payload(fields.Dict):
    """A task's payload: an object; the task type's own schema checks what is in it."""


class Result(fields.Raw):
    """A task's result, of the shape that its type declares."""
