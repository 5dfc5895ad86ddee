"""What is stored of a task reads back as it was, and what JSON cannot say is not stored."""

import json
import math
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.tasks.stored_json import MAX_DEPTH, decode, encode, encode_strictly

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(value=VALUES)
def test_it_reads_back_as_it_was_for_anyone(value: Any) -> None:
    text, read = encode(value)
    assert read == decode(text) == decode(text.decode()) == json.loads(text) == value
    assert [type(each) for each in _leaves(read)] == [type(each) for each in _leaves(value)]


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, (list, dict)):
        inner = value.values() if isinstance(value, dict) else value
        return [leaf for each in inner for leaf in _leaves(each)]
    return [value]


class Name(str):
    __slots__ = ()


#: Beside a null, too.
BESIDE = pytest.mark.parametrize("beside", [{}, {"note": None}])


@BESIDE
@pytest.mark.parametrize(
    ("value", "read"),
    [((1, (2,)), [1, [2]]), ({1: 2}, {"1": 2}), ({True: 1, None: 2}, {"true": 1, "null": 2}), (Name("a"), "a")],
)
def test_what_reads_back_as_something_else(value: Any, read: Any, beside: dict[str, Any]) -> None:
    text, found = encode({"value": value} | beside)
    assert found == decode(text) == {"value": read} | beside


@BESIDE
@pytest.mark.parametrize(
    "value",
    [
        *(math.nan, [None, math.inf], {"a": -math.inf}, object(), "\ud800", {(1, 2): 3}),
        *({1, 2}, b"ab", Decimal("1.5"), datetime(2026, 1, 1), UUID(int=1)),
    ],
)
def test_what_json_cannot_say(value: Any, beside: dict[str, Any]) -> None:
    for write in (encode, encode_strictly):
        with pytest.raises((TypeError, ValueError)):
            write({"value": value} | beside)


def nested(levels: int, *, name: Any = None, empty: Any = 1) -> Any:
    """So many lists, or objects with a member of this name, in each other."""
    value = empty
    for _ in range(levels):
        value = [value] if name is None else {name: value}
    return value


@pytest.mark.parametrize("name", [None, "a", 1])
def test_nesting_has_a_bound_whatever_is_nested(name: Any) -> None:
    deepest = {"beside": "[" * 500, "it": nested(MAX_DEPTH - 1, name=name)}
    assert decode(encode(deepest)[0]) == decode(encode_strictly(deepest))
    for levels in (MAX_DEPTH, 300, 982, 5_000, 100_000):
        for write in (encode, encode_strictly):
            with pytest.raises(ValueError, match="it is nested deeper than 100 levels"):
                write({"it": nested(levels, name=name)})


def test_an_empty_list_is_a_level_too() -> None:
    assert encode_strictly(nested(MAX_DEPTH - 1, empty=[])) == b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    with pytest.raises(ValueError, match="nested deeper"):
        encode_strictly(nested(MAX_DEPTH, empty=()))


def test_what_others_wrote_is_read() -> None:
    assert math.isnan(decode('{"a": NaN}')["a"])
    with pytest.raises(ValueError, match="Expecting"):
        decode("nonsense")
