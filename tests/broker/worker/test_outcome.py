"""Guards how a run's end is read, whatever its handler returns, raises or asks for: no outcome may end the child."""

import json
import math
from types import SimpleNamespace
from typing import Any

import pytest

from broker.engine.transitions import Claimed
from broker.errors import TransientError
from broker.worker.child_state import ChildState
from broker.worker.outcome import Completed, Failed, Outcome
from broker.worker.run import RunContext, execute


def outcome(act: Any, attached: dict[str, Any] | None = None) -> Outcome:
    """The end of a run whose handler is ``act``, called without arguments, and has ``attached`` to its media file."""
    context: Any = SimpleNamespace(attached=attached or {}, check_stored=lambda: None, close=lambda: None)
    return execute(lambda: lambda _: act(), context, timeout=30, retry_count=0)


def raising(error: BaseException) -> Outcome:
    def act() -> None:
        raise error

    return outcome(act)


def nested(levels: int) -> Any:
    return [nested(levels - 1)] if levels else 1


STRANGE = [
    (nested(101), "nested deeper than 100 levels"),
    (math.nan, "Out of range float values are not JSON compliant"),
    (-math.inf, "Out of range float values are not JSON compliant"),
    ("\ud800", "surrogates not allowed"),
    (10**5000, "Exceeds the limit"),
    ({1, 2}, "Object of type set is not JSON serializable"),
]


@pytest.mark.parametrize(("value", "message"), STRANGE, ids=[message for _, message in STRANGE])
def test_what_cannot_be_kept_ends_the_task_in_one_line(value: Any, message: str) -> None:
    for ended in (outcome(lambda: {"it": value}), outcome(dict, {"media-1": {"it": value}})):
        assert isinstance(ended, Failed)
        assert message in ended.message
        assert "\n" not in ended.message
        assert ended.delay_us is None


def test_what_can_be_kept_is() -> None:
    ended = outcome(lambda: {"it": nested(99)}, {"media-1": {"it": nested(99)}})
    assert isinstance(ended, Completed)
    assert json.loads(ended.result) == {"it": nested(99)}
    assert (ended.media_id, json.loads(ended.info[1])) == ("media-1", nested(99))


def test_an_error_shows_what_a_terminal_would_obey() -> None:
    ended = raising(ValueError("\x1b[31mred\x07 \udce9\u202e"))
    assert isinstance(ended, Failed)
    assert ended.message == r"ValueError: \x1b[31mred\x07 ?\u202e"


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


def context_on(broker: Any) -> tuple[RunContext, ChildState]:
    shared = ChildState()
    claimed = Claimed("11111111-1111-4111-8111-111111111111", "Noop", "acme", "{}", 1, 60, 0, "")
    return RunContext(broker, shared, claimed, "x1", 1e9), shared


def test_a_stage_that_is_not_unicode_is_told_as_text() -> None:
    """A live event with half a surrogate pair could not be sent to anybody."""
    context, shared = context_on(None)
    context.progress(12.34, "caf\udce9.mp4")
    assert json.loads(shared.read()[1]) == {"percent": 12.3, "stage": "caf?.mp4"}


def test_a_run_that_is_over_does_not_go_on_to_what_must_not_be_done_twice() -> None:
    context, _ = context_on(SimpleNamespace(transitions=SimpleNamespace(remember=lambda *_: False)))
    with pytest.raises(TransientError, match="This run is over"):
        context.remember("ordered", True)
    assert context.recall("ordered") is None
