"""Fields that take what JSON Schema means; marshmallow's own differ."""

from typing import Any

from marshmallow import fields


class Integer(fields.Integer):
    """A whole number: 1.0 is one, and 1.5 is none instead of 1. With ``strict`` a text is none either."""

    def _validated(self, value: Any) -> int:
        if isinstance(value, float):
            if not value.is_integer():
                raise self.make_error("invalid", input=value)
            value = int(value)
        return super()._validated(value)
