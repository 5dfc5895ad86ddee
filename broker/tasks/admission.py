"""Whether new tasks can start by their deadlines, and when there is room for more: as the forecast sees it."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from redis import Redis

from broker.clock import to_rfc3339
from broker.engine.connection import redis_errors
from broker.engine.keys import Keys
from broker.engine.values import moment
from broker.errors import DeadlineImpossible, InvalidInput
from broker.forecast.change import LineName
from broker.forecast.forecasts import Forecasts
from broker.status import RQ_STATUS, Status
from broker.tasks.links import named_by
from broker.tasks.submission import Submission

#: Seconds: whoever waits for room looks again in between.
_LONGEST = 3600.0


class Admission:
    """On one Redis client with ``decode_responses=True``. Writes nothing. Raises ``Unavailable``."""

    def __init__(self, redis: "Redis", keys: Keys, forecasts: Callable[[], Forecasts]) -> None:
        self._redis = redis
        self._keys = keys
        self._forecasts = forecasts

    def seconds_until_room(self, tenant: str, type_name: str, tasks: int) -> float | None:
        """Until so many of what a tenant has waiting of a type have started, at most an hour; ``None``: not known."""
        found = self._forecasts().seconds_until_started(type_name, tenant, tasks)
        return None if found is None else min(_LONGEST, found)

    def check(self, tenant: str, new: Sequence[Submission], ids: Sequence[str], *, batch: bool) -> None:
        """That each of these tasks, which are to get these ids, can start by its deadline, if it has one.

        Raises ``InvalidInput`` for a deadline that has passed, and ``DeadlineImpossible`` for one that comes

        - before the task is due, or before one is due that it depends on, itself or in the same batch; or
        - before the p10 of its start, as the forecast has it: of ten such tasks, nine would be too late.

        What keeps a task for an unknown time (a pause, a hold, no worker) refuses nothing, as it may end at once.
        What is there already under its id or unique key is not asked again.
        """
        if not any(each.deadline_us for each in new):
            return
        with redis_errors():
            now_us, there, due = self._read(tenant, new, ids)
        asked = [number for number, each in enumerate(new) if each.deadline_us and ids[number] not in there]
        passed = [number for number in asked if new[number].deadline_us <= now_us]
        if passed:
            raise InvalidInput(errors=[_defect(number, "Must be in the future.", batch=batch) for number in passed])
        begins = list(self._begins(tenant, new, ids, now_us, due))
        late = {number: to_rfc3339(begins[number]) for number in asked if begins[number] >= new[number].deadline_us}
        if late:
            raise _impossible(late, batch=batch)

    def _read(self, tenant: str, new: Sequence[Submission], ids: Sequence[str]) -> tuple[int, set[str], dict[str, int]]:
        """The microsecond of the server's clock, who is there already, and when those are due that are depended on."""
        named = sorted({other for each in new for other in named_by(each.links)} - set(ids))
        asked = [(each, task_id) for each, task_id in zip(new, ids, strict=True) if each.deadline_us]
        with self._redis.pipeline(transaction=False) as reads:
            reads.time()
            for each, task_id in asked:
                reads.exists(self._keys.job(task_id), self._keys.unique(tenant, each.type, each.unique_key or ""))
            for other in named:
                reads.hmget(self._keys.job(other), ("status", "tenant", "scheduled_at"))
            (seconds, micros), *rows = reads.execute()
        there = {task_id for (_, task_id), found in zip(asked, rows, strict=False) if found}
        due = {other: _due(tenant, row) for other, row in zip(named, rows[len(asked) :], strict=True)}
        return seconds * 1_000_000 + micros, there, due

    def _begins(
        self, tenant: str, new: Sequence[Submission], ids: Sequence[str], now_us: int, due: dict[str, int]
    ) -> Iterator[int]:
        """The microsecond before which each does not start; of one with a deadline as it is foreseen."""
        lines = [LineName(each.type, each.level, tenant, each.group or "") for each in new]
        in_line = [not (named_by(each.links) or each.delay_us or each.due_us > now_us) for each in new]
        count = Counter(line for each, line, now in zip(new, lines, in_line, strict=True) if now or each.deadline_us)
        of_new = self._forecasts().of_new(count)
        known, behind = dict(due), Counter[LineName]()
        for each, task_id, line, now in zip(new, ids, lines, in_line, strict=True):
            others = named_by(each.links)
            begin = max(now_us + each.delay_us, each.due_us, *(known.get(other, 0) for other in others))
            if each.deadline_us > begin and (found := of_new.start(line, behind[line], begin)):
                begin = max(begin, of_new.at_us + int(found.p10 * 1e6))
            behind[line] += now
            known[task_id] = begin
            yield begin


def _due(tenant: str, row: Sequence[Any]) -> int:
    status, owner, scheduled_at = row
    return (owner == tenant and status == RQ_STATUS[Status.SCHEDULED] and moment(scheduled_at)) or 0


def _defect(number: int, detail: str, *, batch: bool) -> dict[str, str]:
    return {"pointer": f"/tasks/{number}/deadline" if batch else "/deadline", "detail": detail}


def _impossible(begins: dict[int, str], *, batch: bool) -> DeadlineImpossible:
    """Of tasks by their numbers, with the moment before which each does not start."""
    told = {
        number: f"It could start at {begin} at the earliest, which is too late." for number, begin in begins.items()
    }
    if batch:
        return DeadlineImpossible(errors=[_defect(number, text, batch=True) for number, text in told.items()])
    return DeadlineImpossible(told[0], earliest_start=begins[0])
