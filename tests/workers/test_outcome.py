"""Guards how a run's end is read, whatever its handler returns, raises or asks for: no outcome may end the child."""

import math
from types import SimpleNamespace
from typing import Any

import pytest

from broker.errors import TransientError
from broker.worker.run import Failed, Outcome, execute


def outcome(act: Any) -> Outcome:
    """The end of a run whose handler is ``act``, called without arguments."""
    context: Any = SimpleNamespace(attached={}, close=lambda: None)
    return execute(lambda: lambda _: act(), context, timeout=30, retry_count=0)


def raising(error: BaseException) -> Outcome:
    def act() -> None:
        raise error

    return outcome(act)


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [
        *[(7, 7, 7), ("7", 7, 7), (7.5, 7.5, 7.5)],
        *[(each, 0, 1) for each in (None, "soon", math.nan, -math.inf, -5, [], 10**400)],
        *[(each, 604_800, 604_800) for each in (math.inf, 1e300, "9" * 5000)],
    ],
)
def test_a_wait_that_a_handler_asks_for_is_one_or_is_none(asked: Any, least: float, most: float) -> None:
    ended = raising(TransientError("busy", retry_after=asked))
    assert isinstance(ended, Failed)
    assert ended.delay_us is not None
    assert least * 1e6 <= ended.delay_us <= most * 1e6
