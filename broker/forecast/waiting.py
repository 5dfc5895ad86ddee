"""Why tasks wait, until when, and what would help: read as a claim would find them, in words and numbers."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from redis import Redis

from broker.clock import to_rfc3339
from broker.engine.connection import redis_errors
from broker.engine.keys import Keys
from broker.engine.scripts import Script
from broker.forecast.estimate import Estimate
from broker.forecast.forecasts import Forecasts
from broker.status import WAITING
from broker.task import Task

#: In the order in which a claim meets them.
REASONS = (
    *("scheduled", "depends_on", "held", "paused", "no_worker", "tenant_limit", "group_limit"),
    *("concurrency", "rate_limit", "share", "workers_busy"),
)
#: In the progress that a run has stored.
_PERCENT = re.compile(r'"percent": ?([0-9.]+)')


class Waiting:
    """On one Redis client with ``decode_responses=True``. Writes nothing. Raises ``Unavailable``."""

    def __init__(self, redis: "Redis", keys: Keys, forecasts: Forecasts, clock: str = "clock") -> None:
        self._redis = redis
        self._keys = keys
        self._forecasts = forecasts
        self._why = Script("why", clock=clock)

    def of(self, tenant: str, tasks: Sequence[Task], *, help_too: bool = False) -> dict[str, dict[str, Any]]:
        """By id, why those of the tenant's tasks wait that do; ``help_too`` asks what would let them start sooner.

        ``{reason, detail, until, position, ahead, estimate, no_estimate, would_help}``: one of ``REASONS``; a sentence;
        the moment at which that may be over, RFC 3339 or ``None``; from 1, in what the tenant has waiting in the type;
        how many start before it; an ``Estimate`` as a dict or ``None``, and in that case why; changes, the best first.
        """
        by_id = {task.id: task for task in tasks if task.status in WAITING}
        if not by_id:
            return {}
        with redis_errors():
            rows = self._why(self._redis, prefix=self._keys.prefix, tenant=tenant, ids=list(by_id))
        ids = [task_id for task_id, _, _ in rows]
        paused = {by_id[task_id].type for task_id, reason, _ in rows if reason == "paused"}
        estimates = dict(zip(ids, self._forecasts.of_tasks(ids, paused), strict=True))
        found = {}
        for task_id, reason, text in rows:
            told = _told(by_id[task_id], reason, json.loads(text))
            found[task_id] = told | _estimated(estimates[task_id]) | {"would_help": []}
            if help_too and reason not in ("scheduled", "depends_on", "held"):
                found[task_id]["would_help"] = [asdict(each) for each in self._forecasts.would_help(task_id)]
        return found


def _estimated(found: Estimate | str | None) -> dict[str, Any]:
    if isinstance(found, Estimate):
        return {"estimate": asdict(found), "no_estimate": None}
    return {"estimate": None, "no_estimate": found or "It does not wait any more."}


def _told(task: Task, reason: str, numbers: Mapping[str, Any]) -> dict[str, Any]:
    until, deadline = (int(numbers[name]) if numbers.get(name) else None for name in ("until", "deadline"))
    sentence = _SENTENCES[reason](task, {**numbers, "until": to_rfc3339(until) if until else None})
    if "begun" in numbers:
        sentence = f"{_begun(numbers['begun'])} {sentence}"
    ahead = numbers.get("ahead")
    if ahead and reason not in ("share", "held"):
        sentence += f" {ahead:,} {'starts' if ahead == 1 else 'start'} before it."
    if deadline:
        sentence += f" It is cancelled if it has not started by {to_rfc3339(deadline)}."
        until = min(until or deadline, deadline)
    return {
        "reason": reason,
        "detail": sentence,
        "until": to_rfc3339(until) if until else None,
        "position": numbers.get("position"),
        "ahead": ahead,
    }


def _begun(progress: str) -> str:
    """Of a task whose run has given way to others, as it had stored its progress: what it has made is kept."""
    found = _PERCENT.search(progress)
    made = f" ({float(found[1]):.0f} %)" if found else ""
    return f"Its beginning is made{made}, and the rest in the background, when nothing of a higher priority waits."


def _depends_on(_: Task, numbers: Mapping[str, Any]) -> str:
    count = len(numbers["waiting_for"].split(","))
    return (
        f"It depends on {count} {'task' if count == 1 else 'tasks'} that {'has' if count == 1 else 'have'} not ended."
    )


def _held(_: Task, numbers: Mapping[str, Any]) -> str:
    return f"The operator has put it aside: {numbers.get('why') or 'no reason was given'}."


def _paused(task: Task, numbers: Mapping[str, Any]) -> str:
    return "rq suspend holds everything." if numbers.get("suspended") else f"{task.type} is paused."


def _no_worker(task: Task, numbers: Mapping[str, Any]) -> str:
    known = f" that knows version {numbers['version']}" if numbers.get("version") else ""
    return f"No worker listens to {task.type}{known}."


def _tenant_limit(task: Task, numbers: Mapping[str, Any]) -> str:
    if "rate" in numbers:
        return f"Each tenant may start {numbers['rate']:g} {task.type} a second: the next at {numbers['until']}."
    return f"{_running(numbers)} tasks of {task.type} that your tenant may run at once are running."


def _group_limit(task: Task, numbers: Mapping[str, Any]) -> str:
    return f"{_running(numbers)} tasks of {task.type} that the group {task.group} may run at once are running."


def _concurrency(task: Task, numbers: Mapping[str, Any]) -> str:
    return f"{_running(numbers)} tasks of {task.type} that may run at once are running."


def _rate_limit(task: Task, numbers: Mapping[str, Any]) -> str:
    return f"{task.type} may start {numbers['rate']:g} a second: the next at {numbers['until']}."


def _share(_: Task, numbers: Mapping[str, Any]) -> str:
    count = numbers["others"]
    return f"It is the turn of others: {count:,} of their tasks {'starts' if count == 1 else 'start'} before it."


def _workers_busy(task: Task, numbers: Mapping[str, Any]) -> str:
    if numbers.get("idle"):
        free = f"{numbers['idle']} of {numbers['workers']}"
        return f"A worker is about to take it: {free} that listen to {task.type} are free."
    return f"All {numbers['workers']:,} workers that listen to {task.type} are busy."


def _running(numbers: Mapping[str, Any]) -> str:
    return f"{numbers['running']:g} of {numbers['concurrency']:g}"


_SENTENCES: dict[str, Callable[[Task, Mapping[str, Any]], str]] = {
    "scheduled": lambda _, numbers: f"It is due at {numbers['until']}.",
    "depends_on": _depends_on,
    "held": _held,
    "paused": _paused,
    "no_worker": _no_worker,
    "tenant_limit": _tenant_limit,
    "group_limit": _group_limit,
    "concurrency": _concurrency,
    "rate_limit": _rate_limit,
    "share": _share,
    "workers_busy": _workers_busy,
}
