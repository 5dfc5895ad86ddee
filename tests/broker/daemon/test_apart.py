"""A chore that waits for a storage holds up no other, and fails as visibly as any."""

import threading

import pytest

from broker.daemon.apart import Apart
from tests.waiting import wait_until


class Slow:
    name = "slow"

    def __init__(self) -> None:
        self.go = threading.Event()
        self.error: Exception | None = None
        self.ticks = 0

    def tick(self) -> float:
        assert self.go.wait(60)
        self.go.clear()
        self.ticks += 1
        if self.error:
            raise self.error
        return 7.0


def until_done(chore: Apart) -> float:
    """What the tick answers that ends a thread's."""
    pauses: list[float] = []

    def ticked() -> bool:
        pauses.append(chore.tick())
        return pauses[-1] != 0.1

    wait_until(ticked, "the thread's tick has ended")
    return pauses[-1]


def test_it_is_asked_until_it_is_done_and_runs_once_at_a_time() -> None:
    slow = Slow()
    chore = Apart(slow)
    assert [chore.tick() for _ in range(5)] == [0.1] * 5  # while it waits: whoever waited with it would not come back
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

    def told_no_more() -> bool:
        try:
            return chore.tick() == 7.0
        except ValueError:
            return False

    wait_until(told_no_more, "the later try has ended well")
    assert slow.ticks == 2
