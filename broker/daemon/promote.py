"""Moves scheduled tasks into their queues when they are due."""

from broker import task_log
from broker.engine.transitions import Transitions
from broker.trace import from_text

#: Seconds at most between two looks: a task that was scheduled meanwhile may be due before the next known one.
_LONGEST = 0.25
#: So many that the script stays well below a few milliseconds.
_BATCH = 100


class Promote:
    name = "promote"

    def __init__(self, store: Transitions) -> None:
        self._store = store

    def tick(self) -> float:
        promoted, wait_us = self._store.promote(limit=_BATCH)
        for each in promoted:
            task_log.tell("due", task=each.id, type=each.type, tenant=each.tenant, **from_text(each.trace).facts())
        if len(promoted) == _BATCH:
            return 0.0
        return _LONGEST if wait_us < 0 else min(_LONGEST, wait_us / 1e6)
