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


class _Hooked(_Members):
    @validates_schema
    def check_note(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("note") == data.get("word") == "no":
            raise ValidationError("Not twice.", "note")


def _schema(base: type[marshmallow.Schema], members: type[_Members]) -> type[marshmallow.Schema]:
    inside = type("Inside", (members, base), {})
    return type("Outside", (members, base), {"parts": fields.List(fields.Nested(inside))})


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
@pytest.mark.parametrize("members", [_Members, _Hooked])
def test_it_loads_as_marshmallow_does(members: type[_Members], data: Any, unknown: Any) -> None:
    ours, theirs = _schema(Schema, members), _schema(marshmallow.Schema, members)
    for made in ({}, {"many": True}, {"partial": True}):
        assert _outcome(ours(**made), data, unknown=unknown) == _outcome(theirs(**made), data, unknown=unknown)
    for asked in ({"many": True}, {"partial": True}):
        found, wanted = (_outcome(each(), data, unknown=unknown, **asked) for each in (ours, theirs))
        assert found == wanted


class _NamesOfTheirOwn(Schema):
    items = fields.List(fields.Integer())
    within = fields.Integer(attribute="range.first")


@pytest.mark.parametrize("payload", [{}, {"items": [1, 2]}, {"within": 3}, {"items": [], "within": 0}])
def test_what_is_loaded_is_dumped_as_it_came(payload: dict[str, Any]) -> None:
    """A dictionary has ``items`` of its own, and a name with a dot is a path."""
    schema = _NamesOfTheirOwn()
    assert schema.dump(schema.load(payload)) == payload
    assert schema.load({"within": 3}) == {"range": {"first": 3}}
