"""Cancels tasks that have not started by their deadline."""

from broker import task_log
from broker.engine.transitions import Transitions
from broker.trace import from_text

#: Seconds at most between two looks: a task may be submitted meanwhile whose deadline comes before the next known one.
_LONGEST = 0.25
#: Each cancellation may take others along, so these are few.
_BATCH = 25


class EnforceDeadlines:
    name = "enforce_deadlines"

    def __init__(self, store: Transitions) -> None:
        self._store = store

    def tick(self) -> float:
        cancelled, passed, wait_us = self._store.enforce_deadlines(limit=_BATCH)
        for each in cancelled:
            told = from_text(each.trace).facts()
            task_log.tell(
                "cancelled: its deadline has passed", task=each.id, type=each.type, tenant=each.tenant, **told
            )
        if passed == _BATCH:
            return 0.0
        return _LONGEST if wait_us < 0 else min(_LONGEST, wait_us / 1e6)
