"""What a state says, for whoever judges."""

import math

from broker.status import Status
from tests.broker.engine.exhaustive.world import (
    KEYS,
    TOKEN,
    TYPE,
    Node,
    TaskSpec,
    World,
)

#: A start is granted so many microseconds before its token is due.
AHEAD = 20_000
_STATUSES = list(Status)


def tasks_of(node: Node) -> list[tuple[str, dict[str, str]]]:
    """The accepted tasks that are there, with their hashes."""
    return [(task_id, node.task(task_id)) for task_id in sorted(node.env.accepted) if node.task(task_id)]


def running(node: Node) -> int:
    """How many leases there are."""
    return sum(len(value) for key, value in node.values.items() if key.startswith(KEYS.registry("wip", "")))


def can_start(world: World, node: Node, now_running: int) -> bool:
    """Does neither a pause nor the cap forbid it?"""
    paused = node.get(KEYS.limits(TYPE), {}).get("paused") == "1"
    return not paused and (world.concurrency is None or now_running < world.concurrency)


def has_token(world: World, node: Node) -> bool:
    """By the engine's own bucket: what it may not know because its clock was set back makes it late, not wrong."""
    if world.rate is None:
        return True
    bucket = node.get(KEYS.limits(TYPE))
    elapsed = max(0, node.env.now - int(bucket.get("ts") or node.env.now))
    level = min(world.burst * TOKEN, int(bucket.get("level") or 0) + elapsed * world.rate)
    return level + AHEAD * world.rate >= TOKEN


def is_late(node: Node, task_id: str) -> bool:
    """Has its deadline passed, and no run of it begun?"""
    return "runs" not in node.task(task_id) and node.get(KEYS.deadlines(), {}).get(task_id, math.inf) <= node.env.now


def looks_again(task: dict[str, str]) -> bool:
    """Is its next run another look at what it was postponed for, which costs no token?"""
    return "postponed" in task and task.get("runs") == task["postponed"] and task.get("looks") != "0"


def indexed(node: Node, spec: TaskSpec) -> Status | None:
    """What our own index says that the task is."""
    score = node.get(KEYS.index(spec.tenant, TYPE), {}).get(spec.id)
    return None if score is None else _STATUSES[int(score // 2**50)]
