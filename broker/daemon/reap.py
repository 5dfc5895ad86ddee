"""Takes tasks back from workers that have gone silent, and wakes sleepers that a lost worker should have woken."""

import logging

from broker import task_log
from broker.config import BrokerSettings
from broker.engine.transitions import Transitions
from broker.trace import from_text

log = logging.getLogger(__name__)

_EVERY = 0.5
#: Without a reap for so much of a lease, Redis or everybody was away; nobody could renew, so nobody is judged by it. A
#: lease that was renewed at its last beat before a shorter absence outlives it.
_GAP_PER_LEASE = 0.6
_BATCH = 100


class Reap:
    name = "reap"

    def __init__(self, store: Transitions, settings: BrokerSettings) -> None:
        self._store = store
        self._lease_us = int(settings.lease_seconds * 1_000_000)
        self._gap_us = int(_GAP_PER_LEASE * self._lease_us)
        self._max_crashes = settings.max_crashes

    def tick(self) -> float:
        lost, extended = self._store.reap(
            lease_us=self._lease_us, gap_us=self._gap_us, max_crashes=self._max_crashes, limit=_BATCH
        )
        for each in lost:
            what = "lease lost: runs again" if each.outcome == "pending" else "lease lost: failed, it was not the first"
            run = {"attempt": int(each.runs), "worker": each.worker, **from_text(each.trace).facts()}
            task_log.warn(what, task=each.id, type=each.type, tenant=each.tenant, **run)
        if extended:
            log.warning("nobody was watching for a while: %d leases extended", len(extended))
        return 0.0 if len(lost) >= _BATCH else _EVERY
