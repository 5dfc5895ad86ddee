"""What the owners of tasks do."""

from collections.abc import Callable, Iterator
from typing import Any

from broker.tasks.submission import options
from tests.broker.engine.exhaustive.operations import call, counts_call, operation
from tests.broker.engine.exhaustive.world import (
    TYPE,
    Env,
    Node,
    Step,
    World,
)


@operation
def submit(world: World, node: Node) -> Iterator[Step]:
    for spec in world.tasks:
        if spec.id in node.env.accepted or spec.after or spec.deadline or _is_lost(node, f"submit {spec.id}"):
            continue
        terms = options(TYPE, spec.level, spec.max_retries, 60, delay_us=spec.delay, unique=spec.unique,
                        group=spec.group)  # fmt: skip
        values = {
            "id": spec.id,
            "tenant": spec.tenant,
            "payload": "{}",
            "options": terms,
            "bounds": 0,
            "trace": "",
            "media": [],
        }
        yield call(f"submit {spec.id}", "submit", values, happened=_accepts(spec.id), repeats=True)


@operation
def submit_after(world: World, node: Node) -> Iterator[Step]:
    """Tasks that depend on another, which there must be."""
    for spec in world.tasks:
        if spec.after and spec.id not in node.env.accepted and node.task(spec.after):
            fields = [spec.id, "{}", options(TYPE, spec.level, spec.max_retries, 60), f" cancel {spec.after}"]
            values = {"tenant": spec.tenant, "bounds": 0, "trace": "", "media_fields": 0, "fields": fields}
            accepted = node.env.accepted | {spec.id}
            yield call(
                f"submit {spec.id} after {spec.after}", "submit_linked", values,
                happened=lambda env, _, accepted=accepted: env._replace(accepted=accepted),
            )  # fmt: skip


@operation
def submit_with_deadline(world: World, node: Node) -> Iterator[Step]:
    for spec in world.tasks:
        if spec.deadline and spec.id not in node.env.accepted:
            links = f" cancel  {node.env.now + spec.deadline}"
            fields = [spec.id, "{}", options(TYPE, spec.level, spec.max_retries, 60), links]
            values = {"tenant": spec.tenant, "bounds": 0, "trace": "", "media_fields": 0, "fields": fields}
            accepted = node.env.accepted | {spec.id}
            yield call(
                f"submit {spec.id} with a deadline", "submit_linked", values,
                happened=lambda env, _, accepted=accepted: env._replace(accepted=accepted),
            )  # fmt: skip


def _accepts(task_id: str) -> Callable[[Env, Any], Env]:
    def happened(env: Env, answer: Any) -> Env:
        if not isinstance(answer, int):  # another task was there
            return env._replace(gone=env.gone | {task_id}, accepted=env.accepted | {task_id})
        return env._replace(accepted=env.accepted | {task_id})

    return happened


@operation
def cancel(world: World, node: Node) -> Iterator[Step]:
    """A task that waits; one that is over is told so, which changes nothing."""
    for spec in _there(world, node):
        if node.task(spec.id).get("status") in ("queued", "scheduled"):
            values = {"id": spec.id, "tenant": spec.tenant, "force": 0}
            yield call(f"cancel {spec.id}", "cancel", values, repeats=True)


@operation
def stop(world: World, node: Node) -> Iterator[Step]:
    """Cancels a task that is being run."""
    for spec in _there(world, node):
        if node.task(spec.id).get("status") == "started":
            values = {"id": spec.id, "tenant": spec.tenant, "force": 1}
            yield call(f"stop {spec.id}", "cancel", values, repeats=True)


@operation
def retry(world: World, node: Node) -> Iterator[Step]:
    for spec in _there(world, node):
        if node.task(spec.id).get("status") == "failed":
            values = {"id": spec.id, "tenant": spec.tenant, "force": 0, "request": f"r{node.env.calls}"}
            yield call(f"retry {spec.id}", "retry", values, happened=counts_call, repeats=True)


def _there(world: World, node: Node) -> list[Any]:
    return [spec for spec in world.tasks if spec.id in node.env.accepted and spec.id not in node.env.gone]


def _is_lost(node: Node, label: str) -> bool:
    return node.env.lost is not None and node.env.lost.step.label == label
