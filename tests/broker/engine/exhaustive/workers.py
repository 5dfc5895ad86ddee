"""What workers do, and how they die."""

from collections.abc import Callable, Iterator
from typing import Any

from tests.broker.engine.exhaustive.operations import call, counts_call, operation
from tests.broker.engine.exhaustive.world import (
    DELAY,
    KEYS,
    LEASE,
    LONGEST_SLEEP,
    MAX_CRASHES,
    TYPE,
    Env,
    Hand,
    Node,
    Step,
    World,
    granted,
    is_awake,
    name_of,
)


@operation
def claim(_world: World, node: Node) -> Iterator[Step]:
    """A free worker asks at any moment: it was woken, or its sleep is over, or it has just come."""
    for worker, hand in enumerate(node.env.hands):
        if hand.mode in ("free", "left"):
            execution, wakes = f"x{node.env.calls}", (("DEL", KEYS.wake(name_of(worker))),)
            values = {"worker": name_of(worker), "execution": execution, "lease_us": LEASE, "group": TYPE}
            happened, learned = _after_grant(worker, execution, lambda answer: answer)
            yield call(
                f"{name_of(worker)} claims", "claim", values, happened=happened, learned=learned,
                worker=worker, fair=True, repeats=True, first=wakes if hand.until else (),
            )  # fmt: skip


def _after_grant(worker: int, execution: str, grant: Callable[[Any], Any]) -> tuple[Any, Any]:
    """What is true, and what the worker knows, after an answer of which `grant` is the part that grants."""

    def happened(env: Env, answer: Any) -> Env:
        env = counts_call(env, answer)
        task = granted(grant(answer)) if execution else None
        if task is None or (task, execution) in env.granted:
            return env
        others = {pair for pair in env.granted if pair[0] != task}
        return env._replace(granted=frozenset(others | {(task, execution)}))

    def learned(env: Env, answer: Any) -> Env:
        part = grant(answer)
        task = granted(part) if execution else None
        if task is not None:
            return env.with_hand(worker, Hand("busy", task, execution))
        if not execution:
            return env.with_hand(worker, Hand("left"))
        wait = LONGEST_SLEEP if part[1] < 0 else min(LONGEST_SLEEP, part[1])
        return env.with_hand(worker, Hand("free", until=env.mono + wait))

    return happened, learned


def _ends(node: Node, label: str, script: str, *, more: bool, values: dict[str, Any]) -> Iterator[Step]:
    """Workers' words about their runs, with which they ask for more work or not."""
    for worker, hand in _busy(node):
        then = f"x{node.env.calls}" if more else ""
        claims = {"worker": name_of(worker), "next_execution": then, "lease_us": LEASE, "group": TYPE}
        happened, learned = _after_grant(worker, then, lambda answer: answer[1])
        name = f"{name_of(worker)} {label} {hand.task}{' and asks for more' if more else ''}"
        everything = {"id": hand.task, "execution": hand.execution, **claims, **values}
        fair = script == "finish"
        yield call(name, script, everything, happened=happened, learned=learned, worker=worker, fair=fair, repeats=True)


def _busy(node: Node) -> list[tuple[int, Hand]]:
    return [(worker, hand) for worker, hand in enumerate(node.env.hands) if hand.mode == "busy"]


@operation
def finish(_world: World, node: Node) -> Iterator[Step]:
    values = {"result": "{}", "used": "", "media_id": "", "info": []}
    yield from _ends(node, "finishes", "finish", more=True, values=values)


@operation
def finish_last(_world: World, node: Node) -> Iterator[Step]:
    values = {"result": "{}", "used": "", "media_id": "", "info": []}
    yield from _ends(node, "finishes", "finish", more=False, values=values)


@operation
def fail(_world: World, node: Node) -> Iterator[Step]:
    values = {"message": "boom", "traceback": "", "retryable": 1, "delay_us": DELAY, "used": ""}
    yield from _ends(node, "fails", "fail", more=True, values=values)


@operation
def fail_for_good(_world: World, node: Node) -> Iterator[Step]:
    values = {"message": "boom", "traceback": "", "retryable": 0, "delay_us": 0, "used": ""}
    yield from _ends(node, "fails for good", "fail", more=False, values=values)


@operation
def postpone(_world: World, node: Node) -> Iterator[Step]:
    values = {"delay_us": DELAY, "used": "", "background": ""}
    yield from _ends(node, "postpones", "postpone", more=True, values=values)


@operation
def hand_back(_world: World, node: Node) -> Iterator[Step]:
    yield from _releases(node, "hands back", 0)


@operation
def crash(_world: World, node: Node) -> Iterator[Step]:
    """A child died of its task, and its supervisor gives the task back."""
    yield from _releases(node, "crashes at", 1)


def _releases(node: Node, label: str, crashed: int) -> Iterator[Step]:
    for worker, hand in _busy(node):
        values = {
            "worker": name_of(worker),
            "execution": hand.execution,
            "crashed": crashed,
            "message": "It died",
            "used": "",
        }
        yield call(
            f"{name_of(worker)} {label} {hand.task}", "release", {**values, "max_crashes": MAX_CRASHES},
            learned=lambda env, _, worker=worker: env.with_hand(worker, Hand()), worker=worker, repeats=True,
        )  # fmt: skip


@operation
def renew(_world: World, node: Node) -> Iterator[Step]:
    for worker, hand in _busy(node):
        runs = [name_of(worker), hand.task, hand.execution, ""]
        yield call(
            f"{name_of(worker)} renews {hand.task}", "renew", {"lease_us": LEASE, "worker_ttl": 30, "runs": runs},
            learned=lambda env, stale, worker=worker: env.with_hand(worker, Hand()) if stale else env, worker=worker,
        )  # fmt: skip


@operation
def die(_world: World, node: Node) -> Iterator[Step]:
    """It never calls again. If it was awake, it may have been woken for a task."""
    for worker, hand in enumerate(node.env.hands if node.env.deaths else ()):
        if hand.mode != "dead":
            happened = _dead(worker, awake=is_awake(node, worker))
            yield Step(f"{name_of(worker)} dies", happened=happened)


def _dead(worker: int, *, awake: bool) -> Callable[[Env, Any], Env]:
    def happened(env: Env, _: Any) -> Env:
        lost = None if env.lost and env.lost.step.worker == worker else env.lost
        env = env._replace(deaths=env.deaths - 1, lost=lost, unheard=env.unheard or awake)
        return env.with_hand(worker, Hand("dead"))

    return happened


@operation
def vanish(_world: World, node: Node) -> Iterator[Step]:
    """The record of a dead worker expires."""
    for worker, hand in enumerate(node.env.hands):
        if hand.mode == "dead" and KEYS.worker(name_of(worker)) in node.values:
            yield Step(f"the record of {name_of(worker)} expires", "DEL", {"key": KEYS.worker(name_of(worker))})
