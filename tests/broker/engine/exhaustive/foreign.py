"""A foreign hand at any point: RQ's own tools, as they are, and the reconciler that puts right what they leave."""

import math
from collections.abc import Callable, Iterator

from redis import Redis
from rq import Queue
from rq.job import Job
from rq.registry import FailedJobRegistry

from broker.daemon.reconcile import Reconcile
from tests.broker.engine.exhaustive.operations import operation
from tests.broker.engine.exhaustive.world import KEYS, Env, Node, Step, World


class Tools:
    """Connections of RQ and of the reconciler to the checker's server."""

    def __init__(self, port: int) -> None:
        self.raw = Redis(port=port)
        self._text = Redis(port=port, decode_responses=True)
        self.reconcile = Reconcile(self._text, KEYS, clock="clock_test", slice_seconds=math.inf)

    def close(self) -> None:
        self.raw.close()
        self._text.close()


def _foreign(*removed: str) -> Callable[[Env, object], Env]:
    """A foreign hand was here, and has removed these tasks."""

    def happened(env: Env, _: object) -> Env:
        return env._replace(foreign_acts=env.foreign_acts - 1, dirty=True, gone=env.gone.union(removed))

    return happened


@operation
def rq_delete(_world: World, node: Node) -> Iterator[Step]:
    for task_id in _jobs(node):
        yield Step(
            f"RQ deletes {task_id}", happened=_foreign(task_id),
            act=lambda tools, task_id=task_id: Job.fetch(task_id, connection=tools.raw).delete(),
        )  # fmt: skip


@operation
def rq_cancel(_world: World, node: Node) -> Iterator[Step]:
    for task_id in _jobs(node):
        if node.task(task_id)["status"] != "canceled":
            yield Step(
                f"RQ cancels {task_id}", happened=_foreign(),
                act=lambda tools, task_id=task_id: Job.fetch(task_id, connection=tools.raw).cancel(),
            )  # fmt: skip


@operation
def rq_requeue(_world: World, node: Node) -> Iterator[Step]:
    for task_id in _jobs(node):
        queue = node.task(task_id)["origin"]
        if task_id in node.get(KEYS.registry("failed", queue), ()):
            yield Step(
                f"RQ requeues {task_id}", happened=_foreign(),
                act=lambda tools, task_id=task_id, queue=queue: FailedJobRegistry(
                    queue, connection=tools.raw
                ).requeue(task_id),
            )  # fmt: skip


@operation
def rq_empty(world: World, node: Node) -> Iterator[Step]:
    for queue in sorted({spec.queue for spec in world.tasks}):
        waiting = node.waiting(queue)
        if waiting and node.env.foreign_acts:
            yield Step(
                f"RQ empties {queue}", happened=_foreign(*waiting),
                act=lambda tools, queue=queue: Queue(queue, connection=tools.raw).empty(),
            )  # fmt: skip


@operation
def rq_pop(world: World, node: Node) -> Iterator[Step]:
    """A stock worker takes a task and dies before it says so."""
    for queue in sorted({spec.queue for spec in world.tasks}):
        if node.waiting(queue) and node.env.foreign_acts:
            yield Step(f"a stock worker pops {queue}", "LPOP", {"key": KEYS.rq_queue(queue)}, happened=_foreign())


@operation
def reconcile(_world: World, node: Node) -> Iterator[Step]:
    """It looks each second; where nothing was changed, it finds nothing."""
    if node.env.dirty:
        yield Step("reconcile", act=lambda tools: tools.reconcile.tick(), fair=True)


def _jobs(node: Node) -> list[str]:
    if not node.env.foreign_acts:
        return []
    return sorted(task_id for task_id in node.env.accepted if node.task(task_id))
