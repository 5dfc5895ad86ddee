"""Guards work that is parted among threads: all of it is done once, in order, whichever threads get to run."""

from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from threading import Barrier, current_thread
from typing import Any

import pytest

from handlers.embedding.index.parallel import Parallel

PARTS = range(24)


class NoCore(Executor):
    """Its threads never come to run."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return Future()


def square(part: int) -> int:
    return part * part


@pytest.mark.parametrize("helpers", [0, 1, 3])
@pytest.mark.parametrize("parts", [range(0), range(1), PARTS])
def test_every_part_is_done_once_and_answers_are_in_order(helpers: int, parts: range) -> None:
    done: list[int] = []
    assert Parallel(helpers).map(lambda part: done.append(part) or square(part), parts) == [
        square(part) for part in parts
    ]
    assert sorted(done) == list(parts)


def test_helpers_take_a_part_each() -> None:
    meeting = Barrier(3)
    threads = set()

    def make(part: int) -> None:
        if current_thread() not in threads:
            threads.add(current_thread())
            meeting.wait(10)

    Parallel(2).map(make, PARTS)
    assert len(threads) == 3


def test_nobody_waits_for_a_helper_that_gets_no_core() -> None:
    assert Parallel(3, NoCore()).map(square, PARTS) == [square(part) for part in PARTS]


def test_few_parts_wake_nobody() -> None:
    threads = set()
    Parallel(3).map(lambda part: threads.add(current_thread()), range(3))
    assert threads == {current_thread()}


@pytest.mark.parametrize("by_helper", [False, True])
def test_what_is_raised_is_raised(by_helper: bool) -> None:
    asking, meeting = current_thread(), Barrier(2)
    met = set()

    def make(part: int) -> int:
        if current_thread() not in met:
            met.add(current_thread())
            meeting.wait(10)
        if (current_thread() is not asking) == by_helper:
            raise ValueError("broken")
        return part

    with ThreadPoolExecutor(1) as threads, pytest.raises(ValueError, match="broken"):
        Parallel(1, threads).map(make, PARTS)
