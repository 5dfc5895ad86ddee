"""Semantic search."""

from marshmallow import fields
from marshmallow.validate import Length, OneOf, Range

from broker.media.search import MAX_LIMIT, MAX_QUERY
from broker.schema import Schema
from gateway.fields import QueryInteger, QueryNumber
from gateway.schemas.members import required


class SearchQuery(Schema):
    """What to look for."""

    q = fields.String(
        required=True,
        validate=Length(1, MAX_QUERY),
        metadata={"description": "What to look for, in words.", "example": "a dog on a beach"},
    )
    type = fields.String(
        validate=OneOf(["video", "image", "audio", "document"]), metadata={"description": "Only this kind of media."}
    )
    limit = QueryInteger(load_default=20, validate=Range(1, MAX_LIMIT), metadata={"description": "Results at most."})
    min_similarity = QueryNumber(
        validate=Range(-1, 1), metadata={"description": "Leave out what is less similar; no threshold if left out."}
    )


class Hit(Schema):
    """Something that was found."""

    entity_type = fields.String(**required("What it is."))
    entity_id = fields.String(**required("Its id.", format="uuid"))
    filename = fields.String(**required("The name it was sent with."))
    similarity = fields.Float(**required("Cosine of the angle between query and content; 1 is the best."))


class SearchResults(Schema):
    """What was found, best first."""

    query = fields.String(required=True)
    results = fields.List(fields.Nested(Hit), required=True)
    count = fields.Integer(required=True)
