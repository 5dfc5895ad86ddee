"""What the daemon does, what is done to settings, and how time passes."""

from collections.abc import Iterator
from typing import Any

from broker.engine.transitions import KEEP_CAPS
from tests.broker.engine.exhaustive.operations import call, operation
from tests.broker.engine.exhaustive.world import (
    GAP,
    KEYS,
    LEASE,
    MAX_CRASHES,
    STEP,
    TOKEN,
    TYPE,
    Env,
    Node,
    Step,
    World,
)


@operation
def promote(_world: World, node: Node) -> Iterator[Step]:
    if any(due <= node.env.now for due in node.get(KEYS.due(), {}).values()):
        yield call("promote", "promote", {"limit": 100}, fair=True)


@operation
def enforce_deadlines(_world: World, node: Node) -> Iterator[Step]:
    if any(deadline <= node.env.now for deadline in node.get(KEYS.deadlines(), {}).values()):
        yield call("cancel what is past its deadline", "enforce_deadlines", {"limit": 25}, fair=True)


@operation
def reap(_world: World, _node: Node) -> Iterator[Step]:
    values = {"lease_us": LEASE, "gap_us": GAP, "limit": 100, "max_crashes": MAX_CRASHES}
    yield call("reap", "reap", values, happened=lambda env, _: env._replace(unheard=False), fair=True)


@operation
def prune(world: World, node: Node) -> Iterator[Step]:
    """As if the retention of all that has ended were over."""
    for status, word in (("completed", "finished"), ("failed", "failed"), ("cancelled", "canceled")):
        for queue in sorted({spec.queue for spec in world.tasks}):
            ended = frozenset(node.get(KEYS.registry(word, queue), ()))
            if ended:
                values = {"queue": queue, "status": status, "retention_us": -_SPARE, "limit": 100}
                yield call(
                    f"prune {status} of {queue}", "prune", values,
                    happened=lambda env, _, ended=ended: env._replace(gone=env.gone | ended),
                )  # fmt: skip


#: Registries count in whole seconds.
_SPARE = 2_000_000


_KEPT = {
    **{"rate": "keep", "burst": "keep", "concurrency": "keep", "paused": "keep"},
    **{"caps": KEEP_CAPS, "tenant": "", "actor": ""},
}


@operation
def pause(_world: World, node: Node) -> Iterator[Step]:
    yield from _configure(node, "pause", paused="1")


@operation
def resume(_world: World, node: Node) -> Iterator[Step]:
    if node.get(KEYS.limits(TYPE), {}).get("paused") == "1":
        yield call("resume", "configure", {"type_name": TYPE, **_KEPT, "paused": "0"}, fair=True)


def _configure(node: Node, label: str, **changes: str) -> Iterator[Step]:
    if node.env.changes:
        yield call(
            label, "configure", {"type_name": TYPE, **_KEPT, **changes},
            happened=lambda env, _: env._replace(changes=env.changes - 1),
        )  # fmt: skip


# time ----------------------------------------------------------------------------------------------------------------


@operation
def pass_time(world: World, _node: Node) -> Iterator[Step]:
    def happened(env: Env, _: Any) -> Env:
        level = min(world.burst * TOKEN, env.level + STEP * (world.rate or 0))
        return env._replace(now=env.now + STEP, mono=env.mono + STEP, level=level)

    yield Step("the clock goes on", happened=happened, fair=True)


@operation
def step_back(_world: World, node: Node) -> Iterator[Step]:
    if node.env.steps_back:
        yield Step(
            "the clock is set back",
            happened=lambda env, _: env._replace(now=env.now - STEP, steps_back=env.steps_back - 1),
        )
