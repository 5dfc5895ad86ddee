"""The bound of fair shares, by books of the judge's own that read no tags.

A tenant that comes with nothing waiting and nothing running starts after at most one start of each other tenant that
waits at its level. Who `came` so is noted until it starts or has nothing waiting; and who has `passed` it since.
"""

from collections.abc import Iterator
from typing import Any

from tests.broker.engine.exhaustive.judge_steps import Edge, granted_by
from tests.broker.engine.exhaustive.world import Node, World

Came = frozenset[tuple[str, int]]
Passed = frozenset[tuple[str, int, str]]


def books(edge: Edge) -> dict[str, Any]:
    """What the step changes in them."""
    world, before, after = edge.world, edge.before, edge.after
    waited, waits, ran = _waiting(world, before), _waiting(world, after), _running(world, before)
    came = {each for each in before.env.came if each in waits and each[0] not in _running(world, after)}
    came |= {each for each in waits - waited if each[0] not in ran and not any(each[0] == other for other, _ in waited)}
    started = _started(edge)
    passed = {(*each, other) for *each, other in map(list, before.env.passed) if tuple(each) in came}
    if started:
        passed |= {(*each, started[0]) for each in came if each[1] == started[1] and each[0] != started[0]}
    return {"came": frozenset(came), "passed": frozenset(tuple(each) for each in passed)}


def nobody_is_passed_twice(edge: Edge) -> Iterator[str]:
    """While limits and a foreign hand are out of it: those that came are all that is looked at."""
    started = _started(edge)
    if not started or not edge.clean:
        return
    for tenant, level, other in edge.before.env.passed:
        if (other, level) == started and (tenant, level) in _waiting(edge.world, edge.before) and tenant != other:
            yield f"{other} starts a second time before {tenant}, which came with nothing waiting and nothing running"


def _started(edge: Edge) -> tuple[str, int] | None:
    """Tenant and level of the task that the step has started."""
    task_id = granted_by(edge) if not isinstance(edge.answer, Exception) else None
    if task_id is None or edge.before.task(task_id).get("status") != "queued":
        return None
    spec = edge.world.spec(task_id)
    return spec.tenant, spec.level


def _waiting(world: World, node: Node) -> set[tuple[str, int]]:
    return {(spec.tenant, spec.level) for spec in world.tasks if node.task(spec.id).get("status") == "queued"}


def _running(world: World, node: Node) -> set[str]:
    return {spec.tenant for spec in world.tasks if node.task(spec.id).get("status") == "started"}
