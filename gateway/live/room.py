"""How many may wait at once, so that ordinary requests always find a thread."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from broker.errors import Crowded

#: Of the 64 threads that the Procfile gives each gateway process; 16 are left for whoever does not wait.
_MOST_WAITERS = 48


class Room:
    """A room with so many places."""

    def __init__(self, places: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._places = places
        self._clock = clock
        self._lock = threading.Lock()
        self._until: list[float] = []

    @contextmanager
    def enter(self, seconds: float) -> Iterator[None]:
        """For at most so long. Raises ``Crowded`` when it is full, with the time until a place is free."""
        until = self._clock() + seconds
        with self._lock:
            if len(self._until) >= self._places:
                soonest = min(self._until) - self._clock()
                raise Crowded("Too many requests wait here already.", retry_after=max(1.0, soonest))
            self._until.append(until)
        try:
            yield
        finally:
            with self._lock:
                self._until.remove(until)


def waiting_room() -> Room:
    """For requests with ``?wait=``."""
    return Room(_MOST_WAITERS)
