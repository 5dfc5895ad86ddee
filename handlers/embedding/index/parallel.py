"""Work in parts of a millisecond or so, done by as many threads as there are cores, where libraries compute meanwhile.

Each thread takes the next part when it is done with one. So nobody waits for a thread that gets no core: whoever asks
does all that the others have not begun.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TypeVar

Part = TypeVar("Part")
Made = TypeVar("Made")

#: Threads beyond which memory gives no more, and parts for which another one is worth being woken.
_MOST, _WORTH = 4, 4


class Parallel:
    """Whoever asks, and its helpers."""

    def __init__(self, helpers: int, threads: Executor | None = None) -> None:
        """``threads``, one for each helper, are started when they are first of use."""
        self._helpers = helpers
        self._threads = threads or ThreadPoolExecutor(max(1, helpers), thread_name_prefix="parallel")

    def map(self, make: Callable[[Part], Made], parts: Sequence[Part]) -> list[Made]:
        """As the built-in one. Raises what ``make`` raises."""
        made: dict[int, Made] = {}
        left = iter(range(len(parts)))

        def work() -> None:
            for number in left:
                made[number] = make(parts[number])

        helpers = [self._threads.submit(work) for _ in range(min(self._helpers, len(parts) // _WORTH))]
        try:
            work()
        finally:
            for each in helpers:
                each.cancel()
        for each in helpers:
            if not each.cancelled():
                each.result()
        return [made[number] for number in range(len(parts))]


def cores() -> int:
    """Those that this process may use, up to what is of use."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(_MOST, available)
