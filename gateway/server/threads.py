"""Threads that do what they are given, one thing after another."""

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

log = logging.getLogger(__name__)

Job = tuple[Callable[..., Any], tuple[Any, ...]]


class Threads:
    """A pool without futures, which cost as much as a tenth of a short request. They end with the process."""

    def __init__(self, number: int) -> None:
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"request-{index}", daemon=True) for index in range(number)
        ]
        for each in self._threads:
            each.start()

    def submit(self, act: Callable[..., Any], *args: Any) -> None:
        """Has it done by the next free thread."""
        self._jobs.put((act, args))

    def stop(self) -> None:
        """Nothing that was not submitted before is done any more; returns at once."""
        for _ in self._threads:
            self._jobs.put(None)

    def _work(self) -> None:
        while job := self._jobs.get():
            act, args = job
            try:
                act(*args)
            except Exception:
                log.exception("a thread's work failed")
            del act, args, job
