"""Goes on with operations on many tasks, a step of each in turn, so that a large one holds up no small one."""

import time
from collections.abc import Callable

from broker.operations.operations import Operations

#: Seconds between two looks, and the least between two rounds: others have Redis for as long as a round took.
_EVERY, _LEAST = 0.5, 0.005


class Operate:
    name = "operate"

    def __init__(self, operations: Operations, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._operations = operations
        self._clock = clock

    def tick(self) -> float:
        begin = self._clock()
        left = [self._operations.step(each) for each in self._operations.open()]
        return max(_LEAST, self._clock() - begin) if any(left) else _EVERY
