"""Who is asking."""

from marshmallow import fields

from broker.schema import Schema
from gateway.schemas.members import required


class Me(Schema):
    """The tenant that the key belongs to."""

    tenant = fields.String(**required("Its name."))
    tenant_id = fields.String(**required("The same as a UUID; payloads may have either.", format="uuid"))
    operator = fields.Boolean(**required("Whether it may see and change what all tenants share."))
