"""The audit log: who changed what."""

from typing import Any

from marshmallow import ValidationError, fields
from marshmallow.validate import Length, OneOf, Range

from broker.access.audit_log import ACTIONS, check_cursor
from broker.schema import Schema
from gateway.fields import Moment, QueryInteger
from gateway.schemas.members import nullable, required

_TIME = {"format": "date-time", "example": "2024-01-01T00:00:05.123456Z"}


class _Cursor(fields.String):
    """A ``next_cursor``."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            check_cursor(value)
        except ValueError:
            raise ValidationError("Not a next_cursor that was answered here.") from None
        return value


class AuditQuery(Schema):
    """Which changes."""

    actor = fields.String(
        validate=Length(1, 200), metadata={"description": "Only those by this key's id, or `cli:user@host`."}
    )
    tenant = fields.String(
        validate=Length(max=63), metadata={"description": "Only those with this tenant's keys; empty: by no tenant."}
    )
    action = fields.String(validate=OneOf(ACTIONS), metadata={"description": "Only those of this kind."})
    since = Moment(metadata={"description": "Only those from then on."})
    limit = QueryInteger(load_default=50, validate=Range(1, 100), metadata={"description": "How many results at most."})
    cursor = _Cursor(
        metadata={
            "description": "The `next_cursor` of the page before.",
            "pattern": r"^[0-9]{1,18}-[0-9]{1,18}-.{0,63}(?![\s\S])",
        }
    )


class AuditEntry(Schema):
    """One change."""

    id = fields.String(**required("Its place in the log."))
    at = fields.String(**required("When it was made.", **_TIME))
    actor = fields.String(
        **required("The id of the key with which it was made, `API_KEYS:1` for an entry there, or `cli:user@host`.")
    )
    tenant = fields.String(**nullable("Whose key that is; null for the command line."))
    request_id = fields.String(**nullable("The X-Request-Id that the request had."))
    action = fields.String(validate=OneOf(ACTIONS), **required("What was done."))
    subject = fields.String(**required("To what: a queue's or plugin's name, else an id."))
    before = fields.Dict(**nullable("How it was, without secrets; null for what was not there."))
    after = fields.Dict(**nullable("How it is since, without secrets; null for what is gone."))


class AuditPage(Schema):
    """A part of the audit log, newest first."""

    entries = fields.List(fields.Nested(AuditEntry), required=True)
    next_cursor = fields.String(
        **nullable("Where the next page begins; null when there is none. A page may be short and yet not the last.")
    )
