"""What ``/readyz`` asks and tells: whether media can be stored, asked for now and then and not waited for; and in the
log, once, that requests cannot be served, however often that is asked."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from broker.broker import Broker
from broker.errors import TaskBrokerError, Unavailable

log = logging.getLogger("gateway")
#: Seconds that an answer holds, and that a request waits for a new one.
FRESH, PATIENCE = 10.0, 2.0


class Readiness:
    """Whether requests could be served when that was asked last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lost = ""

    @contextmanager
    def told(self) -> Iterator[None]:
        """Logs why a look failed, unless the one before it failed so too, and that one succeeds again."""
        try:
            yield
        except TaskBrokerError as error:
            error.logged = True
            if self._changes(error.message):
                log.warning("not ready: %s (%r)", error.message, error.__cause__)
            raise
        if self._changes(""):
            log.info("ready again")

    def _changes(self, lost: str) -> bool:
        with self._lock:
            before, self._lost = self._lost, lost
        return before != lost


class StorageProbe:
    """Tries the storage in a thread of its own, one at a time: a disk or bucket that hangs must not hold a request."""

    def __init__(self, broker: Broker, clock: Callable[[], float] = time.monotonic) -> None:
        self._broker, self._clock = broker, clock
        self._lock = threading.Lock()
        self._trial: _Trial | None = None

    def check(self) -> None:
        """Raises ``Unavailable`` when the storage could not be used some seconds ago, or does not answer."""
        with self._lock:
            trial = self._trial
            if trial is None or (trial.done.is_set() and self._clock() >= trial.until):
                trial = self._trial = _Trial(self._broker, self._clock)
        if not trial.done.wait(PATIENCE):
            raise Unavailable("The media storage does not answer.", retry_after=FRESH)
        if trial.error:
            raise type(trial.error)(trial.error.message, **trial.error.extra) from trial.error.__cause__


class _Trial:
    """One look at the storage, and what came of it."""

    def __init__(self, broker: Broker, clock: Callable[[], float]) -> None:
        self.done = threading.Event()
        self.error: TaskBrokerError | None = None
        self.until = 0.0
        self._broker, self._clock = broker, clock
        threading.Thread(target=self._run, name="storage probe", daemon=True).start()

    def _run(self) -> None:
        try:
            self._broker.storage.check()
        except TaskBrokerError as error:
            self.error = error
        finally:
            self.until = self._clock() + FRESH
            self.done.set()
