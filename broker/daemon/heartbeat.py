"""Says that this daemon runs and which of its chores fail, for the doctor, ``/readyz`` and ``GET /api/queues``."""

import os
import secrets
import socket

from broker.clock import Clock, to_rfc3339
from broker.daemon.health import Health
from broker.queues.daemons import Daemon, Daemons

_EVERY = 3.0


class Heartbeat:
    name = "heartbeat"

    def __init__(self, daemons: Daemons, health: Health, clock: Clock | None = None) -> None:
        self._daemons = daemons
        self._health = health
        self._clock = clock or Clock()
        self._name = f"{socket.gethostname()[:24]}-{secrets.token_hex(3)}"
        self._started_at = to_rfc3339(self._clock.now_us())

    def tick(self) -> float:
        self._daemons.beat(self._daemon())
        self._daemons.forget_dead()
        return _EVERY

    def close(self) -> None:
        """Takes the record away: this daemon ends."""
        self._daemons.forget(self._daemon())

    def _daemon(self) -> Daemon:
        now = to_rfc3339(self._clock.now_us())
        host = socket.gethostname()
        return Daemon(self._name, host, os.getpid(), self._started_at, now, self._health.failing())
