"""When two states are one: everything that can matter to what follows, and nothing else.

A rule for each key says what of it is left out or told otherwise. Keys and fields without a rule are compared as they
are, so a new structure can make states differ that are alike, which costs time, but never alike that differ.

Times are told from the present moment, and those that are over only by that; executions by the worker that may still
speak of them; workers by what they are doing, because they are alike. What a rule leaves out is looked at all the same,
by the invariants, the first time that a state is seen.
"""

from collections.abc import Callable
from typing import Any

from broker.clock import from_rfc3339
from tests.broker.engine.exhaustive.world import KEYS, PREFIX, STEP, TOKEN, TYPE, Lost, Node, granted, is_awake, name_of

_SPAN = 2**50
_DAY = 86_400
#: When a task is due that waits for others.
_NEVER = 2**53 - 1

#: What nothing reads but people, or what is told elsewhere.
_UNREAD = frozenset(
    (
        *("us", "created_at", "ended_at", "seq", "description", "data", "attempts", "timeout", "payload", "outcome"),
        *("error", "enqueued_at", "tenant", "progress", "runs", "postponed", "started_at", "last_heartbeat", "grace"),
        *("lease", "scheduled_at", "worker_name", "retry_request", "looks", "deadline"),
    )
)
_OVER = frozenset({"retry_count", "max_retries", "crashes"})
#: What nothing reads of a task that has ended, unless a foreign hand gives it another life.
_UNREAD_AT_END = {"finished": _OVER, "canceled": _OVER, "failed": frozenset({"crashes"})}


class _View:
    """What the rules need of a state beside the key that they are about."""

    def __init__(self, node: Node) -> None:
        env = node.env
        self.now = env.now
        #: What is over stays so, but for the steps that the clock may still be set back.
        self.over = -env.steps_back * STEP
        self.order = sorted(range(len(env.hands)), key=lambda worker: _likeness(node, worker))
        self.workers = {name_of(worker): f"w{place}" for place, worker in enumerate(self.order)}
        self.executions = {}
        for number, hand in enumerate(env.hands):
            if hand.execution:
                self.executions[hand.execution] = self.workers[name_of(number)]
        if env.lost and env.lost.step.worker is not None:
            values = env.lost.step.values
            execution = values.get("next_execution") or values["execution"]
            self.executions[execution] = f"{self.workers[name_of(env.lost.step.worker)]} next"
        if env.lost and env.lost.step.script == "retry":
            self.executions[env.lost.step.values["request"]] = "retry"
        #: Workers that may speak of the run that their record names.
        self.busy = frozenset(name_of(i) for i, hand in enumerate(env.hands) if hand.mode in ("busy", "unsure"))
        #: May what has ended live again with what it has behind it?
        self.revives = env.dirty or env.foreign_acts > 0
        #: Views with the same key see the same.
        self.key = self.now, self.over, tuple(self.order), tuple(self.executions.items()), self.busy, self.revives

    def ahead(self, us: float) -> int:
        if us == _NEVER:
            return _NEVER
        return max(self.over, round(us) - self.now)

    def execution(self, execution: str) -> str:
        return self.executions.get(execution, "nobody")

    def worker(self, name: str) -> str:
        return self.workers.get(name, name)


def _likeness(node: Node, worker: int) -> tuple[Any, ...]:
    """What tells a worker from the others."""
    name, hand = name_of(worker), node.env.hands[worker]
    record = node.get(KEYS.worker(name), {}) if hand.mode in ("busy", "unsure") else {}
    there = name in node.get(KEYS.idle(TYPE), ()), KEYS.wake(name) in node.values
    calls = node.env.lost is not None and node.env.lost.step.worker == worker
    return hand.mode, hand.task, is_awake(node, worker), there, calls, record.get("current_job", "")


_parts: dict[tuple[str, bytes, Any], int] = {}


def canonical(node: Node) -> int:
    """The same number for states that are one, and for others as good as never."""
    view = _View(node)
    parts = []
    for key, payload in node.payloads.items():
        rule = _rule_of(key)
        if rule is not _left_out:
            known = key, payload, None if rule in _PLAIN else view.key
            part = _parts.get(known)
            if part is None:
                part = _parts[known] = hash(rule(key.removeprefix(PREFIX + ":"), node.values[key], view))
            parts.append(part)
    if len(_parts) > 200_000:
        _parts.clear()
    return hash((frozenset(parts), _env(node, view)))


def _env(node: Node, view: _View) -> Any:
    env = node.env
    hands = tuple(
        (env.hands[i].mode, env.hands[i].task, view.execution(env.hands[i].execution), is_awake(node, i))
        for i in view.order
    )
    lost = env.lost and _lost(env.lost, view)
    newest = frozenset((task, view.executions[each]) for task, each in env.granted if each in view.executions)
    left = env.losses, env.deaths, env.steps_back, env.foreign_acts, env.changes, env.dirty, env.unheard
    return hands, lost, newest, left, env.level, env.accepted, env.gone, env.came, env.passed


def _lost(lost: Lost, view: _View) -> Any:
    step, answer = lost
    told = repr(answer)
    if step.script == "submit":
        told = str(isinstance(answer, int))
    elif step.worker is not None:
        grant = answer if step.script == "claim" else answer[1]
        told = f"{'' if step.script == 'claim' else answer[0]} {grant if step.script == 'release' else granted(grant)}"
    worker = None if step.worker is None else view.worker(name_of(step.worker))
    return (
        worker,
        step.script,
        step.values.get("id"),
        step.values.get("retryable"),
        bool(step.values.get("next_execution")),
        told,
    )


# the rules -----------------------------------------------------------------------------------------------------------


def _as_it_is(key: str, value: Any, _view: _View) -> Any:
    if isinstance(value, dict):
        return key, frozenset(value.items())
    return key, frozenset(value) if isinstance(value, set) else tuple(value)


def _left_out(_key: str, _value: Any, _view: _View) -> Any:
    """What grows with time alone."""


def _members(key: str, value: Any, _view: _View) -> Any:
    return key, frozenset(value)


def _indexed(key: str, value: dict[str, float], _view: _View) -> Any:
    return key, frozenset((task, score // _SPAN) for task, score in value.items())


def _job(key: str, value: dict[str, str], view: _View) -> Any:
    status = value.get("status")
    unread = _UNREAD if view.revives else _UNREAD | _UNREAD_AT_END.get(status or "", frozenset())
    told = [(name, text) for name, text in value.items() if name not in unread and text != "0"]
    execution, _, end = value.get("lease", "").partition(" ")
    lease = (view.execution(execution), end) if execution in view.executions or status == "started" else None
    request = view.executions.get(value.get("retry_request", ""))
    more: tuple[Any, ...] = ()
    if status == "started":
        started = from_rfc3339(value["started_at"]) if "started_at" in value else 0
        beaten = value.get("last_heartbeat", "") >= value.get("started_at", "")
        forgiven = value.get("grace") == value.get("lease", "") + value.get("last_heartbeat", "")
        more = (
            max(-STEP if view.revives else 0, started - view.now),
            beaten,
            forgiven,
            view.worker(value.get("worker_name", "")),
        )
    if status == "scheduled" and "scheduled_at" in value:
        more = (view.ahead(from_rfc3339(value["scheduled_at"])),)
    looks = value.get("runs") == value.get("postponed"), value.get("looks") == "0"
    return key, frozenset(told), lease, request, more, looks


def _leases(key: str, value: dict[str, float], view: _View) -> Any:
    runs = [(run.partition(":"), score) for run, score in value.items()]
    return key, frozenset(
        (task, view.execution(each), view.ahead((score - _DAY) * 1e6)) for (task, _, each), score in runs
    )


def _limits(key: str, value: dict[str, str], view: _View) -> Any:
    told = {name: text for name, text in value.items() if name not in ("level", "ts", "alarm", "served", "watcher")}
    rate, since = int(value.get("rate") or 0), int(value.get("ts") or 0)
    level = int(value.get("level") or 0) + max(0, view.now - since) * rate
    level = min(int(value.get("burst") or 1) * TOKEN, level)
    alarm = view.ahead(int(value.get("alarm") or 0))
    return key, frozenset(told.items()), level, max(0, since - view.now), alarm, view.worker(value.get("watcher", ""))


def _worker(key: str, value: Any, view: _View) -> Any:
    name = view.worker(key.split(":")[1])
    if isinstance(value, set):  # of its executions
        return name, frozenset((task, view.execution(each)) for task, _, each in (run.partition(":") for run in value))
    return name, value.get("current_job") if key.split(":")[1] in view.busy else None


def _wake(key: str, _value: Any, view: _View) -> Any:
    return "wake", view.worker(key.rpartition(":")[2])


def _idle(key: str, value: set[str], view: _View) -> Any:
    return key, frozenset(view.worker(name) for name in value)


def _execution(key: str, value: dict[str, str], view: _View) -> Any:
    _, task, execution = key.split(":")
    return "execution", task, view.execution(execution), view.worker(value.get("worker_name", ""))


def _executions(key: str, value: dict[str, float], view: _View) -> Any:
    return key, frozenset(view.execution(each) for each in value)


def _due(key: str, value: dict[str, float], view: _View) -> Any:
    return key, frozenset((task, view.ahead(due)) for task, due in value.items())


def _reaped(key: str, value: str, view: _View) -> Any:
    return key, max(-2 * STEP, int(value) - view.now)


_RULES: tuple[tuple[str, Callable[[str, Any, _View], Any]], ...] = (
    ("job:", _job),
    ("wip:", _leases),
    *((name, _members) for name in ("finished:", "failed:", "canceled:", "scheduled:", "broker:links:")),
    ("worker:", _worker),
    ("execution:", _execution),
    ("executions:", _executions),
    ("broker:due", _due),
    ("broker:deadlines", _due),
    ("broker:tasks:", _indexed),
    ("broker:limits:", _limits),
    ("broker:wake:", _wake),
    ("broker:idle:", _idle),
    ("broker:reaped", _reaped),
    *((name, _left_out) for name in ("broker:arrivals", "broker:counts", "broker:life", "broker:durations:")),
)
#: These ask nothing of the state but the key's value.
_PLAIN = {_as_it_is, _members, _indexed}
_rules: dict[str, Callable[[str, Any, _View], Any]] = {}


def _rule_of(key: str) -> Callable[[str, Any, _View], Any]:
    rule = _rules.get(key)
    if rule is None:
        short = key.removeprefix(PREFIX + ":")
        rule = next((rule for beginning, rule in _RULES if short.startswith(beginning)), _as_it_is)
        if "execution" not in short:  # whose names never come to an end
            _rules[key] = rule
    return rule
