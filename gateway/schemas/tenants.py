"""Tenants: their weight and their own caps."""

from typing import Any

from marshmallow import fields
from marshmallow.validate import OneOf, Range

from broker.queues.tenant_settings import MAX_WEIGHT, MIN_WEIGHT, USUAL_WEIGHT
from broker.schema import Schema
from broker.schema_fields import Integer
from broker.task_type import MAX_BURST, MAX_CONCURRENCY, MAX_RATE
from broker.usage.quotas import MAX_QUOTA, QUOTAS
from gateway.fields import ByName, JsonNumber, TypeName
from gateway.schemas.members import required

#: In the API document.
_TYPES = {"type": "string", "enum": ["type"]}
_TYPES_OWN = 'the word "type" for what holds for every tenant of the type'


class _OrTypes(fields.Raw):
    """A cap, as another field takes it, or the word ``type``."""

    def __init__(self, own: fields.Field[Any], schema: dict[str, Any], description: str) -> None:
        also = {"description": description, "anyOf": [schema, _TYPES]}
        super().__init__(allow_none=own.allow_none, metadata=also)
        self._own = own

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return value if value == "type" else self._own.deserialize(value, attr, data)


class TenantCaps(Schema):
    """A tenant's caps of one type."""

    rate = _OrTypes(
        JsonNumber(allow_none=True, validate=Range(0.001, MAX_RATE)),
        {"type": ["number", "null"], "minimum": 0.001, "maximum": MAX_RATE},
        f"Starts per second, with at most three decimals, null for no cap, or {_TYPES_OWN}.",
    )
    burst = _OrTypes(
        Integer(strict=True, validate=Range(1, MAX_BURST)),
        {"type": "integer", "minimum": 1, "maximum": MAX_BURST},
        f"Starts at once after a quiet time, or {_TYPES_OWN}.",
    )
    concurrency = _OrTypes(
        Integer(strict=True, allow_none=True, validate=Range(1, MAX_CONCURRENCY)),
        {"type": ["integer", "null"], "minimum": 1, "maximum": MAX_CONCURRENCY},
        f"Tasks running at the same time, null for no cap, or {_TYPES_OWN}.",
    )


def _quota(meaning: str) -> Integer:
    about = f"{meaning} Null for no quota."
    return Integer(strict=True, allow_none=True, validate=Range(0, MAX_QUOTA), metadata={"description": about})


class TenantQuotas(Schema):
    """A tenant's own quotas; one that is left out is as for every tenant (`QUOTA_...` in the environment)."""

    requests_per_minute = _quota(QUOTAS["requests_per_minute"].meaning)
    uploads_per_day = _quota(QUOTAS["uploads_per_day"].meaning)
    stored_bytes = _quota(QUOTAS["stored_bytes"].meaning)
    waiting_tasks = _quota(QUOTAS["waiting_tasks"].meaning)
    cpu_seconds_per_day = _quota(QUOTAS["cpu_seconds_per_day"].meaning)
    cpu_seconds_per_month = _quota(QUOTAS["cpu_seconds_per_month"].meaning)
    media_seconds_per_day = _quota(QUOTAS["media_seconds_per_day"].meaning)
    media_seconds_per_month = _quota(QUOTAS["media_seconds_per_month"].meaning)


class TenantChange(Schema):
    """What is to hold for a tenant; what is left out is as for every other."""

    weight = JsonNumber(
        load_default=USUAL_WEIGHT,
        validate=Range(MIN_WEIGHT, MAX_WEIGHT),
        metadata={"description": "Its share of each queue, beside those of others that have tasks waiting there."},
    )
    caps = ByName(
        keys=TypeName(),
        values=fields.Nested(TenantCaps),
        load_default=dict,
        metadata={"description": "By task type, where its caps differ from those of the type."},
    )
    quotas = fields.Nested(
        TenantQuotas,
        load_default=dict,
        metadata={"description": "Where they differ from those of every tenant. Refused is what would exceed one."},
    )


class _ShownCaps(Schema):
    rate = fields.Raw(metadata={"anyOf": [{"type": ["number", "null"]}, _TYPES]}, required=True)
    burst = fields.Raw(metadata={"anyOf": [{"type": "integer"}, _TYPES]}, required=True)
    concurrency = fields.Raw(metadata={"anyOf": [{"type": ["integer", "null"]}, _TYPES]}, required=True)


class TenantSettings(Schema):
    """What is set for a tenant."""

    name = fields.String(**required("The tenant."))
    weight = fields.Float(**required("Its share of each queue; 1 for a tenant for which nothing was set."))
    caps = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(_ShownCaps),
        **required("Its own caps by task type; types where it has none of its own are left out."),
    )
    quotas = fields.Dict(
        keys=fields.String(validate=OneOf(list(QUOTAS))),
        values=fields.Integer(allow_none=True),
        **required("Its own quotas by name, null for none; those that hold for every tenant are left out."),
    )
