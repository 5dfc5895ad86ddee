"""How many may wait at once, so that ordinary requests always find a thread, and no tenant takes all places."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from broker.errors import Crowded
from gateway.shares import Shares

#: Of the 96 threads that each gateway process has (``scripts/web_server.py``); 24 are left for whoever does not wait.
_MOST_WAITERS = 72


class Room:
    """A room with so many places, shared among tenants."""

    def __init__(self, places: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._shares = Shares(places)
        self._lock = threading.Lock()
        self._until: list[tuple[float, str]] = []

    @contextmanager
    def enter(self, tenant: str, seconds: float) -> Iterator[None]:
        """For at most so long. Raises ``Crowded`` when this tenant gets no place, with the time until one is free."""
        place = (self._clock() + seconds, tenant)
        if not self._shares.take(tenant):
            raise self._crowded(tenant)
        with self._lock:
            self._until.append(place)
        try:
            yield
        finally:
            with self._lock:
                self._until.remove(place)
            self._shares.give_back(tenant)

    def count(self) -> int:
        """How many wait."""
        return self._shares.taken

    def _crowded(self, tenant: str) -> Crowded:
        with self._lock:
            own = [until for until, owner in self._until if owner == tenant]
            soonest = min(own or [until for until, _ in self._until] or [0.0]) - self._clock()
        return Crowded("Too many requests wait here already.", retry_after=max(1.0, soonest))


def waiting_room() -> Room:
    """For requests with ``?wait=``."""
    return Room(_MOST_WAITERS)
