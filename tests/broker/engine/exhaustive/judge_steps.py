"""What must hold over every step. Each check yields what is wrong.

The judge compares what the scripts did with the state before and with books of its own (who was granted what, how many
tokens there are). While a foreign hand's change has not been put right, only what no hand can change is asked.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from broker.levels import queue_name
from broker.status import TERMINAL, Status
from tests.broker.engine.exhaustive.judge_states import every_place_is_right
from tests.broker.engine.exhaustive.reading import (
    AHEAD,
    can_start,
    has_token,
    indexed,
    is_late,
    looks_again,
    running,
    tasks_of,
)
from tests.broker.engine.exhaustive.world import (
    KEYS,
    TOKEN,
    TYPE,
    Lost,
    Node,
    Step,
    World,
    granted,
    name_of,
)


class Edge(NamedTuple):
    """A step that was taken; `again` when it repeats one whose answer was lost."""

    world: World
    before: Node
    step: Step
    answer: Any
    after: Node
    #: (event, task) of the outbox.
    events: list[tuple[str, str]]
    again: Lost | None = None

    @property
    def clean(self) -> bool:
        return not self.before.env.dirty and not self.after.env.dirty


EdgeCheck = Callable[[Edge], Iterator[str]]


def wrong_with_step(edge: Edge) -> list[str]:
    """All of it."""
    return [problem for check in EDGE_CHECKS for problem in check(edge)]


def no_script_fails(edge: Edge) -> Iterator[str]:
    if isinstance(edge.answer, Exception):
        yield f"the script failed: {edge.answer}"


def the_fence_holds(edge: Edge) -> Iterator[str]:
    """Who may end the run is told how it ended; nobody else changes anything; a repeated word is answered as before."""
    ends = _ENDINGS.get(edge.step.script)
    if ends is None or isinstance(edge.answer, Exception):
        return
    values, outcome = edge.step.values, _text(edge.answer[0])
    task_id = values.get("id") or edge.before.env.hands[edge.step.worker or 0].task or _text(edge.answer[1])
    before, after = edge.before.task(task_id), edge.after.task(task_id)
    if _owns(before, values["execution"]):
        wanted = ends(before, values)
        if outcome != wanted and _knows_its_task(edge, task_id):
            yield f"{task_id} was the caller's: the answer must be {wanted}, not {outcome}"
        return
    if edge.again and (task_id, values["execution"]) in edge.before.env.granted and before:
        first = _text(edge.again.answer[0])
        if outcome != first:
            yield f"the first answer was {first}, the repeated call is told {outcome}"
    elif not edge.again and outcome != "stale" and not before.get("lease", "").startswith(values["execution"] + " "):
        yield f"{task_id} was not the caller's: the answer must be stale, not {outcome}"
    # Its slot in RQ's list changes with whatever the same call takes out of that.
    if before | {"seq": ""} != after | {"seq": ""} and granted_by(edge) != task_id:
        yield f"{task_id} was not the caller's, and {_difference(before, after)}"


def _knows_its_task(edge: Edge, task_id: str) -> bool:
    """Only what its record names can be released by a worker."""
    record = edge.before.get(KEYS.worker(name_of(edge.step.worker or 0)), {})
    return edge.step.script != "release" or record.get("current_job") == task_id


def _after_fail(task: dict[str, str], values: dict[str, Any]) -> str:
    may = values["retryable"] == 1 and int(task.get("retry_count", 0)) < int(task["max_retries"])
    return "scheduled" if may else "failed"


def _after_release(task: dict[str, str], values: dict[str, Any]) -> str:
    lost = values["crashed"] == 1 and int(task.get("crashes", 0)) + 1 >= values["max_crashes"]
    return "failed" if lost else "pending"


_ENDINGS: dict[str, Callable[[dict[str, str], dict[str, Any]], str]] = {
    "finish": lambda _task, _values: "completed",
    "postpone": lambda _task, _values: "scheduled",
    "fail": _after_fail,
    "release": _after_release,
}


def a_repeated_call_changes_nothing(edge: Edge) -> Iterator[str]:
    """Of owners: the answer is the first one, or that there is nothing left to do, and all stays as it is."""
    if edge.again is None or edge.step.worker is not None or isinstance(edge.answer, Exception):
        return
    first, task_id = edge.again.answer, edge.step.values["id"]
    if not edge.before.task(task_id):
        return  # removed meanwhile: a submission makes it again
    if edge.step.script == "retry" and first[1] == b"key_taken":
        return  # which another had then, and may not have now
    moved = edge.step.script == "cancel" and edge.before.task(task_id).get("status") != "canceled"
    if not moved and edge.before.values != edge.after.values:
        yield f"the repeated call changed {_keys_that_differ(edge)}"
    if edge.step.script == "retry" and edge.answer[:2] != first[:2]:
        yield f"the first answer was {first}, the repeated call is told {edge.answer}"
    if edge.step.script == "submit" and isinstance(first, int) and edge.answer != [0, task_id.encode()]:
        yield f"the repeated submission is told {edge.answer}"


def a_key_is_one_task(edge: Edge) -> Iterator[str]:
    """No task is made where another of its unique key has not ended."""
    if edge.step.script != "submit" or not isinstance(edge.answer, int) or not edge.clean:
        return
    spec = edge.world.spec(edge.step.values["id"])
    for other in edge.world.tasks:
        alive = other != spec and indexed(edge.before, other) in set(Status) - TERMINAL
        if alive and spec.unique and (other.tenant, other.unique) == (spec.tenant, spec.unique):
            yield f"{spec.id} was accepted beside {other.id}, which has its key"


def starts_are_right(edge: Edge) -> Iterator[str]:
    """The next task of the highest level, if limits allow; the one granted already, to who asks again; else a wait."""
    script = edge.step.script
    execution = edge.step.values.get("next_execution" if script != "claim" else "execution")
    if script not in ("claim", *_ENDINGS) or script == "release" or not execution or isinstance(edge.answer, Exception):
        return
    task_id, released = granted_by(edge), _released(edge)
    started = [(each, task) for each, task in tasks_of(edge.before) if task.get("status") == "started"]
    held = [each for each, task in started if task.get("lease") == execution]
    if held:
        if [task_id] != held:
            yield f"{held} was granted to this execution before, now it is told {task_id}"
        return
    if task_id and edge.before.task(task_id).get("status") != "queued" and not released:
        yield f"{task_id} was started and had not waited"
    if not edge.clean:
        return
    may = may_start(edge)
    if task_id not in (may or {None}):
        yield f"{task_id} was started, and it was the turn of {sorted(may) or 'nobody'}"


def may_start(edge: Edge) -> set[str]:
    """The tasks one of which must be started next by a claim in the state before; none when none may."""
    before = edge.before
    own = before.task(edge.step.values.get("id", ""))
    ended = edge.step.script != "claim" and _owns(own, edge.step.values["execution"])
    if not can_start(edge.world, before, running(before) - ended):
        return set()
    released = _released(edge)
    for level in sorted({spec.level for spec in edge.world.tasks}, reverse=True):
        waiting = [*before.waiting(queue_name(TYPE, level)), *released.get(level, ())]
        waiting = [each for each in waiting if not is_late(before, each)]
        if waiting and (has_token(edge.world, before) or looks_again(before.task(waiting[0]))):
            return turn(edge.world, before, waiting)
    return set()


def _released(edge: Edge) -> dict[int, list[str]]:
    """By level, the tasks that have waited for nothing but the run that has ended well here."""
    own = edge.step.values.get("id", "")
    if edge.step.script != "finish" or not _owns(edge.before.task(own), edge.step.values["execution"]):
        return {}
    waits = [spec for spec in edge.world.tasks if edge.before.task(spec.id).get("waiting_for") == own]
    return {spec.level: [spec.id] for spec in waits}


def _owns(task: dict[str, str], execution: str) -> bool:
    return task.get("status") == "started" and task.get("lease") == execution


def turn(world: World, node: Node, waiting: list[str]) -> set[str]:
    """Whose turn it may be within a level: that of the first of each group of each tenant."""
    first: dict[tuple[str, str], str] = {}
    for task_id in sorted(waiting, key=lambda each: _order(node, each)):
        spec = world.spec(task_id)
        first.setdefault((spec.tenant, spec.group), task_id)
    return set(first.values())


def _order(node: Node, task_id: str) -> float:
    """Its number in line; what is released just now is not in any yet, and comes last."""
    lines = (line for key, line in node.values.items() if key.startswith(f"{KEYS.prefix}:broker:waiting:"))
    return next((line[task_id] for line in lines if task_id in line), math.inf)


def spent(edge: Edge) -> int:
    """Nano-tokens that the step must cost."""
    task_id = granted_by(edge) if edge.world.rate and not isinstance(edge.answer, Exception) else None
    if task_id is None:
        return 0
    before = edge.before.task(task_id)
    execution = edge.step.values["execution" if edge.step.script == "claim" else "next_execution"]
    repeated = before.get("status") == "started" and before.get("lease") == execution
    return 0 if repeated or looks_again(before) else TOKEN


def tokens_are_spent(edge: Edge) -> Iterator[str]:
    """No start without a token of the judge's own bucket."""
    if edge.world.rate is not None and edge.after.env.level < -AHEAD * edge.world.rate:
        yield f"a start beyond the tokens: {edge.after.env.level}"


def each_end_is_told_once(edge: Edge) -> Iterator[str]:
    """One event for every task that has come to an end, and no other."""
    for spec in edge.world.tasks:
        now, was = indexed(edge.after, spec), indexed(edge.before, spec)
        wanted = [f"task.{now.value}"] if now in TERMINAL and now != was else []
        told = [event for event, task in edge.events if task == spec.id]
        if told != wanted:
            yield f"{spec.id} is {now and now.value} and was {was and was.value}: told {told} instead of {wanted}"


def the_reconciler_puts_right(edge: Edge) -> Iterator[str]:
    """At once, but for runs, of which the next beat or the end of the lease decides."""
    runs = running(edge.after) or any(task["status"] == "started" for _, task in tasks_of(edge.after))
    if edge.step.label == "reconcile" and edge.after.env.dirty and not runs:
        yield "the reconciler leaves this:"
        yield from every_place_is_right(edge.world, edge.after)


EDGE_CHECKS: list[EdgeCheck] = [
    no_script_fails,
    the_fence_holds,
    a_repeated_call_changes_nothing,
    a_key_is_one_task,
    starts_are_right,
    tokens_are_spent,
    each_end_is_told_once,
    the_reconciler_puts_right,
]


def granted_by(edge: Edge) -> str | None:
    """The task that the step's caller is told to run."""
    if edge.step.script == "claim":
        return granted(edge.answer)
    if edge.step.script in _ENDINGS and edge.step.script != "release" and edge.step.values["next_execution"]:
        return granted(edge.answer[1])
    return None


def _difference(before: dict[str, str], after: dict[str, str]) -> str:
    changed = [
        f"{name}: {before.get(name)} -> {after.get(name)}"
        for name in before | after
        if before.get(name) != after.get(name)
    ]
    return ", ".join(changed)


def _keys_that_differ(edge: Edge) -> list[str]:
    before, after = edge.before.values, edge.after.values
    return sorted(key for key in before | after if before.get(key) != after.get(key))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
