"""When a process that died is started again: at once, then after 1, 2 and 4 s, and not after ten deaths in a minute."""

from collections import deque

DELAYS = (0.0, 1.0, 2.0, 4.0)
WINDOW = 60.0
MAX_DEATHS = 10


class Restarts:
    """The deaths of one process in the last minute, on a monotonic clock in seconds."""

    def __init__(self) -> None:
        self._deaths: deque[float] = deque()

    def after_death(self, now: float) -> float | None:
        """Seconds to wait before the next start, or ``None``: it has died so often that starting it is no use."""
        while self._deaths and self._deaths[0] <= now - WINDOW:
            self._deaths.popleft()
        self._deaths.append(now)
        if len(self._deaths) >= MAX_DEATHS:
            return None
        return DELAYS[min(len(self._deaths), len(DELAYS)) - 1]
