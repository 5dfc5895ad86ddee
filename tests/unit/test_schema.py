"""Our schemas load what marshmallow's would, and complain in its words."""

from typing import Any

import marshmallow
import pytest
from marshmallow import ValidationError, fields, validate, validates_schema

from broker.schema import Schema


class _Members:
    size = fields.Integer(required=True, strict=True, validate=validate.Range(1, 9))
    key = fields.String(data_key="The-Key", attribute="word")
    colour = fields.String(load_default="red", allow_none=True)
    note = fields.String(validate=validate.Length(max=3))

    @validates_schema
    def check_note(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("note") == data.get("word") == "no":
            raise ValidationError("Not twice.", "note")


class _Ours(_Members, Schema):
    parts = fields.List(fields.Nested(type("_OursInside", (_Members, Schema), {})))


class _Theirs(_Members, marshmallow.Schema):
    parts = fields.List(fields.Nested(type("_TheirsInside", (_Members, marshmallow.Schema), {})))


def _outcome(schema: marshmallow.Schema, data: Any, **options: Any) -> Any:
    try:
        return schema.load(data, **options)
    except ValidationError as error:
        return error.messages, error.valid_data


@pytest.mark.parametrize("unknown", ["raise", "exclude", "include"])
@pytest.mark.parametrize(
    "data",
    [
        {"size": 1},
        {"size": 1, "The-Key": "a", "colour": "blue", "note": "abc"},
        {"size": 1, "key": "a"},
        {"size": 1, "word": "a", "The-Key": "b"},
        {"size": 1, "colour": None, "note": None},
        {"size": 0, "note": "long", "more": 1},
        {"size": 1, "The-Key": "no", "note": "no"},
        {"size": 1, "parts": [{"size": 2}, {"size": 3, "note": "no", "The-Key": "no"}, {}, 7]},
        {"size": 1, "parts": [{"size": 2, "colour": "green"}]},
        {},
        [],
        [{"size": 1}],
        None,
        "size",
    ],
)
def test_it_loads_as_marshmallow_does(data: Any, unknown: Any) -> None:
    assert _outcome(_Ours(), data, unknown=unknown) == _outcome(_Theirs(), data, unknown=unknown)
    assert _outcome(_Ours(), data, unknown=unknown, partial=True) == _outcome(
        _Theirs(), data, unknown=unknown, partial=True
    )
    assert _outcome(_Ours(many=True), data, unknown=unknown) == _outcome(_Theirs(many=True), data, unknown=unknown)
