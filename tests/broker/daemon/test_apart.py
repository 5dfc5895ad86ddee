"""A chore that waits for a storage holds up no other, and fails as visibly as any."""

import threading
import time

import pytest

from broker.daemon.apart import Apart


class Slow:
    name = "slow"

    def __init__(self) -> None:
        self.go = threading.Event()
        self.error: Exception | None = None
        self.ticks = 0

    def tick(self) -> float:
        assert self.go.wait(10)
        self.go.clear()
        self.ticks += 1
        if self.error:
            raise self.error
        return 7.0


def until_done(chore: Apart) -> float:
    """What the tick answers that ends a thread's."""
    for _ in range(1000):
        pause = chore.tick()
        if pause != 0.1:
            return pause
        time.sleep(0.001)
    raise AssertionError("it goes on")


def test_it_is_asked_until_it_is_done_and_runs_once_at_a_time() -> None:
    slow = Slow()
    chore = Apart(slow)
    began = time.monotonic()
    assert [chore.tick() for _ in range(5)] == [0.1] * 5
    assert time.monotonic() - began < 1
    slow.go.set()
    assert until_done(chore) == 7.0
    assert slow.ticks == 1
    chore.tick()
    slow.go.set()
    assert until_done(chore) == 7.0
    assert slow.ticks == 2


def test_a_failure_is_told_until_a_later_try_has_ended_well() -> None:
    slow = Slow()
    chore = Apart(slow)
    slow.error = ValueError("away")
    slow.go.set()
    with pytest.raises(ValueError, match="away"):
        until_done(chore)
    slow.error = None
    for _ in range(3):  # the next try goes on
        with pytest.raises(ValueError, match="away"):
            chore.tick()
    slow.go.set()
    for _ in range(1000):
        try:
            assert chore.tick() == 7.0
            break
        except ValueError:
            time.sleep(0.001)
    assert slow.ticks == 2
