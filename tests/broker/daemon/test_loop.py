"""Guards the daemon's loop: every chore when it wants to, none kept from it by another that fails, an end when told."""

import logging

import pytest

from broker.clock import Clock
from broker.daemon.health import Health
from broker.daemon.loop import run


class Time(Clock):
    """Both the clock and the stop event: time passes only by waiting, and at ``end`` it is time to stop."""

    def __init__(self, end: float) -> None:
        self.now = 0.0
        self.end = end

    def monotonic(self) -> float:
        return self.now

    def is_set(self) -> bool:
        return self.now >= self.end

    def wait(self, timeout: float) -> bool:
        self.now = min(self.end, self.now + timeout)
        return self.is_set()


class Chore:
    """Notes when it was called, and asks for the next of its pauses; an exception among them is raised."""

    def __init__(self, name: str, time: Time, *pauses: float | Exception) -> None:
        self.name = name
        self.time = time
        self.pauses = list(pauses)
        self.calls: list[float] = []

    def tick(self) -> float:
        self.calls.append(self.time.now)
        pause = self.pauses.pop(0) if len(self.pauses) > 1 else self.pauses[0]
        if isinstance(pause, Exception):
            raise pause
        return pause


def run_until(end: float, *pauses: tuple[float | Exception, ...]) -> list[list[float]]:
    """When each chore was called."""
    time = Time(end)
    chores = [Chore(f"chore {number}", time, *each) for number, each in enumerate(pauses)]
    run(chores, time, time)  # type: ignore[arg-type]
    return [chore.calls for chore in chores]


def test_each_is_called_when_it_asked_to_be() -> None:
    assert run_until(10, (4.0,), (3.0, 1.0, 100.0)) == [[0, 4, 8], [0, 3, 4]]


def test_one_that_fails_is_tried_again_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        calls = run_until(3.5, (ConnectionError("no answer"), 5.0), (2.0,))
    assert calls == [[0, 1], [0, 2]]
    failed, again = (record.getMessage() for record in caplog.records)
    assert failed == "chore 0 failed and is tried again every second: ConnectionError: no answer"
    assert again.startswith("chore 0 works again")


def test_one_that_goes_on_failing_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    time, health = Time(10), Health()
    chore = Chore("promote", time, *[ConnectionError("no answer")] * 20)
    with caplog.at_level(logging.WARNING):
        run([chore], time, time, health)  # type: ignore[list-item, arg-type]
    assert len(chore.calls) == 10
    assert len(caplog.records) == 1
    assert list(health.failing()) == ["promote"]
    assert health.failing()["promote"].startswith("ConnectionError: no answer (since ")


def test_one_that_has_more_to_do_at_once_keeps_nobody_waiting() -> None:
    eager, other = run_until(1.0, (0.0, 0.0, 0.0, 0.5), (0.5,))
    assert eager == [0, 0, 0, 0, 0.5]
    assert other == [0, 0.5]


def test_told_to_stop_it_does_nothing_more() -> None:
    assert run_until(0, (1.0,)) == [[]]
