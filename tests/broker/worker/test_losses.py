"""How loudly the log tells of a child that has ended."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from broker.usage.used import Used
from broker.worker.child_state import Run
from broker.worker.losses import STOPS, reap_child


def reaped(kill_reason: str) -> Any:
    """A child that was killed while it ran a task."""
    return SimpleNamespace(
        name="w1",
        kill_reason=kill_reason,
        reap=lambda: (-9, Used()),
        shared=SimpleNamespace(read=lambda: (Run(execution="x1", task_id="t1"), "")),
        members=lambda _: [],
    )


@pytest.mark.parametrize(("kill_reason", "level"), [(STOPS, "INFO"), ("", "WARNING"), ("it overran", "WARNING")])
def test_an_orderly_stop_is_no_warning(kill_reason: str, level: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    reap_child(reaped(kill_reason))
    (said,) = caplog.records
    assert said.levelname == level
    assert said.getMessage().startswith("worker process w1 was ended by signal 9")
