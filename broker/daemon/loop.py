"""Runs chores, each when it wants to; an error in one is logged and never ends the loop."""

import heapq
import logging
import threading
from collections.abc import Sequence
from typing import Protocol

from broker.clock import Clock

log = logging.getLogger(__name__)

#: Seconds until a chore that failed is tried again.
_AFTER_ERROR = 1.0


class Chore(Protocol):
    """One duty. Its work is done by scripts that are atomic, so two daemons doing it at once do it once."""

    name: str

    def tick(self) -> float:
        """Do what is due, in bounded time; returns the seconds until it wants to be called again."""


def run(chores: Sequence[Chore], stop: threading.Event, clock: Clock | None = None) -> None:
    """Ticks until ``stop`` is set."""
    clock = clock or Clock()
    queue = [(clock.monotonic(), number, chore) for number, chore in enumerate(chores)]
    heapq.heapify(queue)
    while not stop.is_set():
        due, number, chore = queue[0]
        if stop.wait(max(0.0, due - clock.monotonic())):
            return
        heapq.heapreplace(queue, (clock.monotonic() + _tick(chore), number, chore))


def _tick(chore: Chore) -> float:
    try:
        return chore.tick()
    except Exception as error:
        log.warning("%s failed, trying again in %g s: %s: %s", chore.name, _AFTER_ERROR, type(error).__name__, error)
        log.debug("details", exc_info=True)
        return _AFTER_ERROR
