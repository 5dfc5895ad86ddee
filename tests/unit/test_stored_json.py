"""What is stored of a task reads back as it was, and what JSON cannot say is not stored."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.stored_json import decode, encode

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(value=VALUES)
def test_it_reads_back_as_it_was_for_anyone(value: Any) -> None:
    text = encode(value).decode()
    assert decode(text) == json.loads(text) == value
    assert [type(each) for each in _leaves(decode(text))] == [type(each) for each in _leaves(value)]


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, (list, dict)):
        inner = value.values() if isinstance(value, dict) else value
        return [leaf for each in inner for leaf in _leaves(each)]
    return [value]


@pytest.mark.parametrize("value", [math.nan, [None, math.inf], {"a": -math.inf}, object(), "\ud800", {(1, 2): 3}])
def test_what_json_cannot_say(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        encode(value)


def test_what_others_wrote_is_read() -> None:
    assert math.isnan(decode('{"a": NaN}')["a"])
    with pytest.raises(ValueError, match="Expecting"):
        decode("nonsense")
