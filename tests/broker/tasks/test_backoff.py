"""Guards the pauses between tries: they double, they are spread by lot, and they never exceed the cap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.tasks.backoff import CAP_SECONDS, delay


@pytest.mark.parametrize(("retries", "ceiling"), [(0, 1), (1, 2), (2, 4), (8, 256), (9, 300), (50, 300), (10_000, 300)])
def test_the_ceiling_doubles_up_to_the_cap(retries: int, ceiling: float) -> None:
    assert delay(retries, draw=0.5) == ceiling / 2
    assert delay(retries, draw=0) == 0


@given(st.integers(0, 1000))
def test_by_lot_it_lies_below_the_ceiling(retries: int) -> None:
    assert 0 <= delay(retries) <= min(CAP_SECONDS, 2.0**retries)


def test_the_lot_is_drawn_anew_each_time() -> None:
    assert len({delay(8) for _ in range(20)}) > 10
