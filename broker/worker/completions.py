"""The log's lines of a child's completed runs, written together when there are many a second.

One at a time, they take 6 % of what a worker can do that has nothing but small tasks; together a fourth of that.
"""

import time

from broker import task_log
from broker.engine.transitions import Claimed

#: Seconds that a line is held back at most, and how many lines.
LONGEST = 0.1
_MOST = 64


class Completions:
    """What is not written yet. A child that is killed takes it along."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self.held: list[tuple[float, Claimed, float]] = []

    def add(self, claimed: Claimed, seconds: float) -> None:
        """A run was completed now and took so long."""
        now = time.time()
        self.held.append((now, claimed, seconds))
        if len(self.held) >= _MOST or not 0 <= now - self.held[0][0] < LONGEST:
            self.write()

    def write(self) -> None:
        """Writes what is held back. May be called by a signal handler."""
        held, self.held = self.held, []
        task_log.tell_past(
            (
                at,
                "completed",
                {
                    "task": claimed.id,
                    "type": claimed.queue.partition(":")[0],
                    "tenant": claimed.tenant,
                    "attempt": claimed.runs,
                    "worker": self._worker,
                    "duration": round(seconds, 6),
                },
            )
            for at, claimed, seconds in held
        )
