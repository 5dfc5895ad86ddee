"""Who is asking."""

from marshmallow import fields
from marshmallow.validate import OneOf

from broker.access.scopes import Scope
from broker.schema import Schema
from gateway.schemas.members import nullable, required


class Me(Schema):
    """The tenant that the key belongs to, and what the key is good for."""

    tenant = fields.String(**required("Its name."))
    tenant_id = fields.String(**required("The same as a UUID; payloads may have either.", format="uuid"))
    operator = fields.Boolean(**required("Whether the key has the scope admin: it sees and changes what all share."))
    key = fields.String(**required("The key's id, or `API_KEYS:2` for the second entry there."))
    scopes = fields.List(fields.String(validate=OneOf([each.value for each in Scope])), **required("Its scopes."))
    dashboard_url = fields.String(**nullable("Where rq-dashboard is, for the operator; null where that is not known."))
    expires_at = fields.String(**nullable("When it ends; null for never.", format="date-time"))
