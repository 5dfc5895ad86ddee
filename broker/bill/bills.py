"""For what tasks have waited that have started: seconds by reason, which sum to the wait."""

from collections.abc import Sequence
from typing import Any

from redis import Redis

from broker.bill.logs import Logs, Sums, add
from broker.bill.wait import FIELDS, Wait, exact, wait_of
from broker.clock import to_rfc3339
from broker.engine.connection import redis_errors
from broker.engine.keys import Keys
from broker.engine.scripts import Script
from broker.forecast.waiting import REASONS as WAITING_REASONS
from broker.status import WAITING
from broker.task import Task

#: Those for which tasks wait; the hand-over to a free worker; and what nobody has seen.
REASONS = (*WAITING_REASONS, "hand_over", "unknown")


#: Tasks of one script.
_AT_ONCE = 50


class Bills:
    """On one Redis client with ``decode_responses=True``. Writes nothing. Raises ``Unavailable``."""

    def __init__(self, redis: "Redis", keys: Keys) -> None:
        self._redis = redis
        self._keys = keys
        self._read = Script("bills")

    def of(self, tasks: Sequence[Task]) -> dict[str, dict[str, Any]]:
        """By id, of those that have started and do not wait again: ``{since, seconds, <each of REASONS>}``.

        ``since`` is RFC 3339: the creation before the first run, before a later one when it was last put into its
        queue. The seconds by reason sum to ``seconds``, from then to the start, to the microsecond.
        """
        started = [task for task in tasks if task.started_at and task.status not in WAITING]
        if not started:
            return {}
        found: dict[str, dict[str, Any]] = {}
        for first in range(0, len(started), _AT_ONCE):
            with redis_errors():
                ids = [task.id for task in started[first : first + _AT_ONCE]]
                looks, rows, logs, entries = self._read(self._redis, prefix=self._keys.prefix, ids=ids)
            of_moments = Logs(looks, logs, entries)
            for task_id, *row in rows:
                if wait := wait_of(dict(zip(FIELDS, row, strict=True))):
                    found[task_id] = _bill(wait, of_moments)
        return found


def _subjects(wait: Wait) -> list[str]:
    return [wait.tenant, f"{wait.tenant}:{wait.group}"] if wait.group else [wait.tenant]


def _bill(wait: Wait, logs: Logs) -> dict[str, Any]:
    found: Sums = {}
    for part in wait.parts:
        if part.reason is None:
            before = _sums(wait, logs, part.begin)
            found = add(found, _sums(wait, logs, part.end), {reason: -us for reason, us in before.items()})
        else:
            found = add(found, {part.reason: part.end - part.begin})
    parts = exact(found, wait.us)
    return {"since": to_rfc3339(wait.since), "seconds": wait.us / 1e6} | {
        reason: parts.get(reason, 0) / 1e6 for reason in REASONS
    }


def _sums(wait: Wait, logs: Logs, us: int) -> Sums:
    sums = logs.of_type(wait.type, us)
    for subject in _subjects(wait):
        sums = logs.of_subject(sums, wait.type, subject, us)
    return sums
