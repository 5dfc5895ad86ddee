"""What lists have in common."""

import marshmallow
from marshmallow import fields
from marshmallow.validate import Range

from broker.schema import Schema
from gateway.fields import QueryInteger
from gateway.schemas.members import required

#: Far more than anybody can have, and exact in every number format on the way.
_MAX_OFFSET = 1_000_000_000_000


class NoBody(Schema):
    """Nothing, or an empty object."""


class PageQuery(Schema):
    """Which part of a list."""

    limit = QueryInteger(load_default=50, validate=Range(1, 100), metadata={"description": "How many results at most."})
    offset = QueryInteger(
        load_default=0, validate=Range(0, _MAX_OFFSET), metadata={"description": "How many results to leave out."}
    )


def page_of(name: str, members: str, member: type[Schema]) -> type[marshmallow.Schema]:
    """The schema ``name`` of one part of a list of ``members``."""
    return Schema.from_dict(
        {
            members: fields.List(fields.Nested(member), required=True),
            "total": fields.Integer(**required("How many match in all, at the same moment.")),
            "limit": fields.Integer(required=True),
            "offset": fields.Integer(required=True),
        },
        name=name,
    )
