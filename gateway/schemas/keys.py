"""API keys: what is asked for and what is shown, never the secret but once."""

from marshmallow import ValidationError, fields
from marshmallow.validate import Length, OneOf, Range, Regexp

from broker.access.api_keys import MAX_OVERLAP_SECONDS
from broker.access.scopes import Scope
from broker.environment.credentials import TENANT_NAME
from broker.schema import Schema
from broker.schema_fields import Integer
from gateway.fields import BoundedList, Moment
from gateway.schemas.members import nullable, required
from gateway.schemas.paging import PageQuery, page_of

_DAY = 24 * 3600
_TIME = {"format": "date-time", "example": "2024-01-01T00:00:05.123456Z"}
_ONCE = "The key itself; it is shown this once."
_SCOPES = [each.value for each in Scope]


def _tenant(description: str) -> fields.String:
    return fields.String(validate=Regexp(rf"^{TENANT_NAME.pattern}(?![\s\S])"), metadata={"description": description})


def _check_printable(text: str) -> None:
    if not text.isprintable():
        raise ValidationError("Must be one line of printable characters.")


class CreateKey(Schema):
    """A new API key."""

    name = fields.String(
        required=True,
        validate=[Length(1, 100), _check_printable],
        metadata={"description": "What it is for, for your own memory: one line of printable characters."},
    )
    scopes = BoundedList(
        fields.String(validate=OneOf(_SCOPES)),
        1,
        len(_SCOPES),
        required=True,
        metadata={"description": "What it is good for. None implies another."},
    )
    tenant = _tenant("Whose key it is; your own tenant's if it is left out. A tenant is made by its first key.")
    expires_at = Moment(end=True, metadata={"description": "When it ends; never if it is left out."})


class ApiKey(Schema):
    """An API key."""

    id = fields.String(**required("Its public id, the second part of the key.", example="0a1b2c3d4e5f"))
    name = fields.String(**required("What it is for."))
    tenant = fields.String(**required("Whose it is."))
    scopes = fields.List(fields.String(validate=OneOf(_SCOPES)), **required("What it is good for."))
    created_at = fields.String(**required("When it was made.", **_TIME))
    created_by = fields.String(**required("The id of the key with which it was made, or `cli:user@host`."))
    expires_at = fields.String(**nullable("When it ends; null for never.", **_TIME))
    expired = fields.Boolean(**required("Whether it has ended. It stays in the list for 30 days or more."))
    last_used_at = fields.String(**nullable("When it was last used, give or take a minute; null for never.", **_TIME))
    rotated_at = fields.String(**nullable("When it was given its present secret, if not at first.", **_TIME))
    former_until = fields.String(**nullable("Until then its former secret is valid too; null when it is not.", **_TIME))


class CreatedKey(ApiKey):
    """An API key and its secret."""

    key = fields.String(**required(_ONCE))


ApiKeyPage = page_of("ApiKeyPage", "keys", ApiKey)


class KeyQuery(PageQuery):
    """Which keys."""

    tenant = _tenant("Only those of this tenant.")


class RotateKey(Schema):
    """How to change to a new secret."""

    overlap_seconds = Integer(
        strict=True,
        load_default=_DAY,
        validate=Range(0, MAX_OVERLAP_SECONDS),
        metadata={"description": "For so long the former secret is valid too."},
    )


class RotatedKey(Schema):
    """The new secret."""

    id = fields.String(**required("The key's id, which stays."))
    key = fields.String(**required(_ONCE))
    former_until = fields.String(**required("Until then the former secret is valid too.", **_TIME))
