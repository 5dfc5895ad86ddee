"""How long to stay away while the service cannot work."""

import math
import time
from collections.abc import Callable

#: Without a failure for this many seconds, the last outage is over.
_QUIET = 120.0
_LONGEST = 60.0


class Outage:
    """Watches failures, so that ``Retry-After`` grows with the outage: come back after as long as it has lasted."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first = self._last = -math.inf

    def retry_after(self, at_least: float) -> float:
        """Seconds after which another try makes sense, told at each failure."""
        now = self._clock()
        if now - self._last > _QUIET:
            self._first = now
        self._last = now
        return max(at_least, min(now - self._first, _LONGEST), 1.0)
