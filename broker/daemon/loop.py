"""Runs chores, each when it wants to; an error in one is noted and never ends the loop."""

import heapq
import threading
from collections.abc import Sequence
from typing import Protocol

from broker.clock import Clock
from broker.daemon.health import Health

#: Seconds until a chore that failed is tried again.
_AFTER_ERROR = 1.0


class Chore(Protocol):
    """One duty. Its work is done by scripts that are atomic, so two daemons doing it at once do it once."""

    name: str

    def tick(self) -> float:
        """Do what is due, in bounded time; returns the seconds until it wants to be called again."""


def run(
    chores: Sequence[Chore], stop: threading.Event, clock: Clock | None = None, health: Health | None = None
) -> None:
    """Ticks until ``stop`` is set. ``health`` is told how each tick ended."""
    clock, health = clock or Clock(), health or Health()
    queue = [(clock.monotonic(), number, chore) for number, chore in enumerate(chores)]
    heapq.heapify(queue)
    while not stop.is_set():
        due, number, chore = queue[0]
        if stop.wait(max(0.0, due - clock.monotonic())):
            return
        heapq.heapreplace(queue, (clock.monotonic() + _tick(chore, health), number, chore))


def _tick(chore: Chore, health: Health) -> float:
    try:
        pause = chore.tick()
    except Exception as error:
        health.note_failure(chore.name, error)
        return _AFTER_ERROR
    health.note_success(chore.name)
    return pause
