"""The ledger: what is asked for and shown."""

import re
from datetime import date
from typing import Any

from marshmallow import ValidationError, fields
from marshmallow.validate import OneOf

from broker.environment.credentials import TENANT_NAME
from broker.schema import Schema
from broker.usage.ledger import GROUPS
from broker.usage.quotas import QUOTAS
from gateway.fields import Several
from gateway.schemas.members import nullable, required

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class _Day(fields.Date):
    """A day, as 2024-01-31."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> date:
        if not isinstance(value, str) or not _DATE.fullmatch(value):
            raise ValidationError("Not a day such as 2024-01-31.")
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValidationError("There is no such day.") from None


def _check_tenant(name: str) -> None:
    if not TENANT_NAME.fullmatch(name):
        raise ValidationError("No tenant can have this name.")


class UsageQuery(Schema):
    """Of which days, and by what to tell sums apart."""

    first = _Day(
        data_key="from", metadata={"description": "The first day, in UTC; 29 days before the last if left out."}
    )
    last = _Day(data_key="to", metadata={"description": "The last day, in UTC; today if left out."})
    by = Several(
        fields.String(validate=OneOf(GROUPS)),
        len(GROUPS),
        metadata={"description": "By what to tell sums apart: some of `tenant`, `day`, `type`."},
    )
    tenant = fields.String(
        validate=_check_tenant,
        metadata={"description": "Whose; with the scope admin everybody's if left out, else your own."},
    )
    format = fields.String(
        validate=OneOf(["json", "csv"]),
        load_default="json",
        metadata={"description": "`csv`: the rows alone, as a table with a head."},
    )


class Used(Schema):
    """What runs have used."""

    runs = fields.Integer(**required("Runs, of all outcomes."))
    cpu_seconds = fields.Float(**required("Processor time of the handler and its programs."))
    run_seconds = fields.Float(**required("Time from start to end."))
    media_seconds = fields.Float(**required("Of the recordings that they were about."))
    bytes_read = fields.Integer(**required("Read from the media storage."))
    bytes_written = fields.Integer(**required("Written to it."))
    peak_memory_bytes = fields.Integer(**required("The most memory that one of them took, with its largest program."))


class UsageRow(Used):
    """A sum."""

    tenant = fields.String(**nullable("Whose; null when not asked for."))
    day = fields.String(**nullable("In UTC; null when not asked for.", format="date"))
    type = fields.String(**nullable("Of what type; null when not asked for."))


class QuotaStanding(Schema):
    """How a quota stands."""

    name = fields.String(validate=OneOf(list(QUOTAS)), **required("Which."))
    limit = fields.Integer(**required("What it is."))
    used = fields.Integer(**required("How much of it is used now."))


class UsageAnswer(Schema):
    """What was used."""

    first = fields.String(data_key="from", **required("The first day.", format="date"))
    last = fields.String(data_key="to", **required("The last day.", format="date"))
    tenant = fields.String(**nullable("Whose; null for everybody's together."))
    rows = fields.List(fields.Nested(UsageRow), **required("Sums, as they were to be told apart."))
    total = fields.Nested(Used, **required("All of it."))
    uploads = fields.Integer(**required("Files that were uploaded."))
    uploaded_bytes = fields.Integer(**required("Their bytes."))
    stored_bytes = fields.Integer(**nullable("Bytes of uploads that the tenant has stored now; null for everybody's."))
    quotas = fields.List(fields.Nested(QuotaStanding), **required("The tenant's quotas now; none for everybody's."))


class TaskUsage(Schema):
    """What the runs of a task have used together."""

    cpu_seconds = fields.Float(**required("Processor time of the handler and its programs."))
    run_seconds = fields.Float(**required("Time from start to end."))
    media_seconds = fields.Float(**required("Of the recordings that they were about."))
    bytes_read = fields.Integer(**required("Read from the media storage."))
    bytes_written = fields.Integer(**required("Written to it."))
    peak_memory_bytes = fields.Integer(**required("The most memory that one of them took, with its largest program."))
