"""Repeats what the task types are, so that Redis knows their limits again soon after it has lost them.

Every process that knows the types does it: daemons and gateways by this chore, workers with their records.
"""

from broker.queues.queues import Queues

_EVERY = 1.0


class Declare:
    name = "declare"

    def __init__(self, queues: Queues) -> None:
        self._queues = queues

    def tick(self) -> float:
        self._queues.declare()
        return _EVERY
