"""Sends what webhooks are owed, from threads of its own: no receiver, however slow, holds the daemon's other chores.

Every thread sends one event at a time and then takes whatever has waited longest, so that the endpoints take turns. One
endpoint gets a few threads, and only one while the others are busy or it fails: what is left is for everybody else.
"""

import logging
import threading
from concurrent.futures import Executor, ThreadPoolExecutor

from broker.clock import Clock
from broker.webhooks.delivery import Attempt, Deliveries
from broker.webhooks.sending import Sender

log = logging.getLogger(__name__)

_EVERY = 0.1
_SWEEP_EVERY = 1.0
_THREADS = 32
#: Attempts at the same time to one endpoint, while at least half of the threads have nothing to do.
_EACH = 4
_BATCH = 100


class Deliver:
    name = "deliver"

    def __init__(
        self, deliveries: Deliveries, sender: Sender, executor: Executor | None = None, clock: Clock | None = None
    ) -> None:
        self._deliveries = deliveries
        self._sender = sender
        self._executor = executor or ThreadPoolExecutor(_THREADS, thread_name_prefix="deliver")
        self._clock = clock or Clock()
        self._lock = threading.Lock()
        self._idle = _THREADS
        self.closed = False
        self._swept = float("-inf")

    def tick(self) -> float:
        full = self._deliveries.fan_out(_BATCH) == _BATCH
        if self._clock.monotonic() - self._swept >= _SWEEP_EVERY:
            self._swept = self._clock.monotonic()
            self._deliveries.sweep()
        for attempt in self._claim(self._idle):
            with self._lock:
                self._idle -= 1
            self._executor.submit(self._work, attempt)
        return 0.0 if full else _EVERY

    def close(self) -> None:
        """Returns when every attempt that has begun has ended and is noted; none begins any more."""
        self.closed = True
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _claim(self, limit: int) -> list[Attempt]:
        if limit <= 0 or self.closed:
            return []
        several = max(0, min(limit, self._idle - _THREADS // 2))
        claimed = self._deliveries.claim(several, _EACH) if several else []
        if several < limit:  # or a few endpoints that hang could hold every thread from one moment to the next
            claimed += self._deliveries.claim(limit - len(claimed), 1)
        return claimed

    def _work(self, attempt: Attempt) -> None:
        try:
            now: Attempt | None = attempt
            while now:
                self._deliveries.record(now, self._sender.send(now))
                now = next(iter(self._claim(1)), None)
        except Exception as error:  # what it had claimed comes back when its lease is over
            log.warning("a delivery was not noted: %s: %s", type(error).__name__, error)
        finally:
            with self._lock:
                self._idle += 1
