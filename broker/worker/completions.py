"""The log's lines of a child's completed runs, written together when there are many a second.

One at a time, they take 6 % of what a worker can do that has nothing but small tasks; together a fifth of that.
"""

import time

from broker import task_log
from broker.engine.transitions import Claimed
from broker.log import Row

#: Seconds that a line is held back at most, and how many lines.
LONGEST = 0.1
_MOST = 64


class Completions:
    """What is not written yet. A child that is killed takes it along."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self.held: list[Row] = []

    def add(self, claimed: Claimed, seconds: float) -> None:
        """A run was completed now and took so long."""
        now = time.time()
        type_name = claimed.queue.partition(":")[0]
        facts = claimed.id, type_name, claimed.tenant, claimed.runs, self._worker, seconds
        self.held.append((now, facts))
        if len(self.held) >= _MOST or not 0 <= now - self.held[0][0] < LONGEST:
            self.write()

    def write(self) -> None:
        """Writes what is held back. May be called by a signal handler."""
        held, self.held = self.held, []
        task_log.tell_past("completed", ("attempt", "worker", "duration"), held)
