"""Holds: what waits until it is let go."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from broker.queues.holds import FITS
from broker.schema import Schema
from broker.tasks.submission import MAX_NAME
from gateway.fields import TypeName, Words
from gateway.schemas.members import nullable, required

#: Characters of a tenant's name, and of a reason.
_LONGEST = 255


class NewHold(Schema):
    """What is to wait: tasks that fit all that is given, of which one must be."""

    type = TypeName(metadata={"description": "Tasks of this type."})
    tenant = Words(_LONGEST, metadata={"description": "Tasks of this tenant."})
    group = Words(MAX_NAME, metadata={"description": "Tasks of this group, of whatever tenant."})
    tag = Words(MAX_NAME, metadata={"description": "Tasks with this tag."})
    media_id = fields.UUID(metadata={"description": "Tasks whose payload names this file."})
    reason = Words(_LONGEST, required=True, metadata={"description": "Why, for whoever asks what a task waits for."})

    @validates_schema(skip_on_field_errors=True)
    def _fits_something(self, data: dict[str, Any], **_: Any) -> None:
        if not data.keys() & set(FITS):
            raise ValidationError(f"Must name one of {', '.join(FITS)}.")


class Hold(Schema):
    """A hold that is in force."""

    id = fields.String(**required("The hold's id.", format="uuid"))
    reason = fields.String(**required("Why."))
    created_at = fields.String(**required("Since when.", format="date-time"))
    held = fields.Integer(**required("Tasks that it holds up."))
    settled = fields.Boolean(
        **required("Whether all that waited when it was made was looked at; more may be held up until then.")
    )
    type = fields.String(**nullable("Of this type."))
    tenant = fields.String(**nullable("Of this tenant."))
    group = fields.String(**nullable("Of this group."))
    tag = fields.String(**nullable("With this tag."))
    media_id = fields.String(**nullable("Whose payload names this file.", format="uuid"))


class HoldList(Schema):
    """All holds."""

    holds = fields.List(fields.Nested(Hold), **required("The oldest first."))
