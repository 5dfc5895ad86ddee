"""Health."""

from marshmallow import fields

from broker.schema import Schema
from gateway.schemas.members import required


class Health(Schema):
    """A good answer; a bad one has another status."""

    status = fields.String(**required("Always ok.", enum=["ok"]))


class Readiness(Health):
    """Requests can be served."""

    warnings = fields.List(fields.String(), **required("Who is missing, so that tasks are accepted and do not go on."))
