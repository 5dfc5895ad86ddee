"""Our schemas load and dump what marshmallow's would, and complain in its words."""

from copy import deepcopy
from typing import Any

import marshmallow
import pytest
from marshmallow import ValidationError, fields, post_dump, validate, validates_schema

from broker.schema import Schema


class _Members:
    size = fields.Integer(required=True, strict=True, validate=validate.Range(1, 9))
    key = fields.String(data_key="The-Key", attribute="word")
    colour = fields.String(load_default="red", allow_none=True)
    note = fields.String(validate=validate.Length(max=3))
    stamp = fields.Integer(dump_default=7, dump_only=True)
    unit = fields.Constant("px", data_key="in")
    length = fields.Function(len, dump_only=True)


class _Hooked(_Members):
    @validates_schema
    def check_note(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("note") == data.get("word") == "no":
            raise ValidationError("Not twice.", "note")

    @post_dump
    def sign(self, dumped: dict[str, Any], **_: Any) -> dict[str, Any]:
        return dumped | {"signed": True}


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


class _Plain:
    def __len__(self) -> int:
        return 0

    word = "a"


@pytest.mark.parametrize(
    "obj", [{}, {"size": 1, "word": "a", "note": None, "more": 1}, {"stamp": 1}, _Plain(), 7 * "x"]
)
@pytest.mark.parametrize("members", [_Members, _Hooked])
def test_it_dumps_as_marshmallow_does(members: type[_Members], obj: Any) -> None:
    ours, theirs = _schema(Schema, members), _schema(marshmallow.Schema, members)
    assert ours().dump(obj) == theirs().dump(obj)
    whole = {"word": "b", "parts": [obj, obj]}
    assert ours().dump(whole) == theirs().dump(whole)
    assert ours().dump([obj, whole], many=True) == ours(many=True).dump([obj, whole])
    assert ours().dump([obj, whole], many=True) == theirs(many=True).dump([obj, whole])


def test_an_accessor_of_ones_own_is_asked_for_what_is_not_there() -> None:
    class Derived(Schema):
        double = fields.Integer()

        def get_attribute(self, obj: Any, attr: str, default: Any) -> Any:
            return 2 * obj["size"]

    assert Derived().dump({"size": 4}) == {"double": 8}


class _NamesOfTheirOwn(Schema):
    items = fields.List(fields.Integer())
    within = fields.Integer(attribute="range.first")


@pytest.mark.parametrize("payload", [{}, {"items": [1, 2]}, {"within": 3}, {"items": [], "within": 0}])
def test_what_is_loaded_is_dumped_as_it_came(payload: dict[str, Any]) -> None:
    """A dictionary has ``items`` of its own, and a name with a dot is a path."""
    schema = _NamesOfTheirOwn()
    assert schema.dump(schema.load(payload)) == payload
    assert schema.load({"within": 3}) == {"range": {"first": 3}}


def test_what_is_documented_is_copied_without_its_schemas() -> None:
    """flask-smorest copies it at each decorator of a view, and once more when the view is registered."""
    schema = _schema(Schema, _Members)()
    assert deepcopy({"responses": [schema]})["responses"][0] is schema
