"""Guards the two forms of a moment: microseconds since the epoch, and the text that RQ and the API use."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.clock import Clock, from_rfc3339, to_rfc3339


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1_704_067_205_123_456, "2024-01-01T00:00:05.123456Z"),
        (951_782_400_000_001, "2000-02-29T00:00:00.000001Z"),
        (2**53, "2255-06-05T23:47:34.740992Z"),
    ],
)
def test_a_moment_in_both_forms(us: int, text: str) -> None:
    assert to_rfc3339(us) == text
    assert from_rfc3339(text) == us


@given(st.integers(0, 2**53))
def test_there_and_back(us: int) -> None:
    assert from_rfc3339(to_rfc3339(us)) == us


@given(st.integers(0, 2**53), st.integers(0, 2**53))
def test_texts_sort_as_moments_do(one: int, other: int) -> None:
    assert (to_rfc3339(one) < to_rfc3339(other)) == (one < other)


@pytest.mark.parametrize(
    "text", ["2024-01-01T01:00:05.5+01:00", "2023-12-31T22:00:05.500-02:00", "2024-01-01T00:00:05.5Z"]
)
def test_any_offset_and_any_digits_are_read(text: str) -> None:
    assert to_rfc3339(from_rfc3339(text)) == "2024-01-01T00:00:05.500000Z"


@pytest.mark.parametrize("text", ["2024-01-01T00:00:05", "2024-01-01", "yesterday", "", "2024-13-01T00:00:00Z"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"offset|isoformat|month|range"):
        from_rfc3339(text)


def test_the_real_clock() -> None:
    before = time.time()
    assert before - 1 <= Clock().now_us() / 1e6 <= time.time() + 1
    assert Clock().monotonic() <= time.monotonic()
