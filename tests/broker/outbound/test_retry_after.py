"""What a service may ask for by ``Retry-After``: seconds or a date, bounded, and nothing hurts."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from broker.outbound.retry_after import parse_retry_after

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT
DAY = 86_400.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("7", 7), (" 7 ", 7), ("007", 7), ("86401", DAY), ("9" * 100, DAY), ("9" * 4301, DAY),
     ("Tue, 14 Nov 2023 22:14:20 GMT", 60), ("Tuesday, 14-Nov-23 22:14:20 GMT", 60), ("Tue Nov 14 22:14:20 2023", 60),
     ("Tue, 14 Nov 2023 22:12:20 GMT", 0), ("Wed, 14 Nov 2029 22:13:20 GMT", DAY),
     ("Fri, 31 Dec 9999 23:59:59 GMT", DAY), ("Mon, 01 Jan 0001 00:00:00 +2359", 0)],
)  # fmt: skip
def test_seconds_and_dates(text: str, seconds: float) -> None:
    assert parse_retry_after(text, NOW, DAY) == seconds


@pytest.mark.parametrize(
    "text",
    [None, "", " ", "-1", "1.5", "1e3", "7, 7", "soon", "\u0663", "\u00b2", "Tue, 99 Nov 2023 22:14:20 GMT",
     "31 Dec 99999 23:59:59 GMT", "Tue, 14 Nov 2023 22:14:20 +" + "9" * 30, "9" * 4301 + " x"],
)  # fmt: skip
def test_nonsense_is_no_wish(text: str | None) -> None:
    assert parse_retry_after(text, NOW, DAY) is None


@given(text=st.text() | st.from_regex(r"[A-Z][a-z]{2},? [0-9]{1,9} [A-Z][a-z]{2} [0-9]{1,9} [0-9:]{0,9} [-+0-9]{0,9}"))
@example("Mon, 01 Jan 2024 00:00:00 -" + "9" * 20)
def test_whatever_is_written_is_a_wish_within_the_bound_or_none(text: str) -> None:
    found = parse_retry_after(text, NOW, DAY)
    assert found is None or 0 <= found <= DAY
