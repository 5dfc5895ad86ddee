"""What the bodies of PATCH have in common."""

from typing import Any

from marshmallow import ValidationError, validates_schema

from broker.schema import Schema


class Change(Schema):
    """New settings of something; what is left out stays as it is, and something must be named."""

    @validates_schema
    def check_not_empty(self, data: dict[str, Any], **_: Any) -> None:
        if not data:
            raise ValidationError(f"Name at least one of {', '.join(self.fields)}.")
