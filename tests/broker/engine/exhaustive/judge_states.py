"""What must hold in every state. Each check yields what is wrong."""

from collections.abc import Callable, Iterator

from broker.status import RQ_STATUS, TERMINAL
from tests.broker.engine.exhaustive.reading import can_start, has_token, is_late, looks_again, running, tasks_of
from tests.broker.engine.exhaustive.world import (
    KEYS,
    TYPE,
    Node,
    World,
    is_awake,
    name_of,
)
from tests.invariants import State, problems

_ENDED = {RQ_STATUS[status] for status in TERMINAL}

StateCheck = Callable[[World, Node], Iterator[str]]


def wrong_with_state(world: World, node: Node) -> list[str]:
    """While a foreign hand's change has not been put right, only what no hand can change is asked."""
    checks = ALWAYS if node.env.dirty else (*ALWAYS, *WHERE_CLEAN)
    return [problem for check in checks for problem in check(world, node)]


def no_run_is_leased_twice(_world: World, node: Node) -> Iterator[str]:
    """Also while a foreign hand's change stands."""
    runs = [run for key, value in node.values.items() if key.startswith(KEYS.registry("wip", "")) for run in value]
    current = [run for run in runs if node.task(run.partition(":")[0]).get("lease") == run.partition(":")[2]]
    if len({run.partition(":")[0] for run in current}) < len(current):
        yield f"a task has two leases: {current}"


def nothing_accepted_is_lost(_world: World, node: Node) -> Iterator[str]:
    """But what its owner, the retention or a foreign hand has removed."""
    lost = [task_id for task_id in node.env.accepted - node.env.gone if not node.task(task_id)]
    if lost:
        yield f"{lost} was accepted and is not there"


def every_place_is_right(_world: World, node: Node) -> Iterator[str]:
    """As `tests.invariants` has it."""
    yield from problems(State(node.values, frozenset()), KEYS)


def the_cap_holds(world: World, node: Node) -> Iterator[str]:
    """Each lease counts."""
    if world.concurrency is not None and running(node) > world.concurrency:
        yield f"{running(node)} run at once"


def nobody_sleeps_beside_work(world: World, node: Node) -> Iterator[str]:
    """Who sleeps and could start a task is woken, or somebody is awake and about to ask."""
    asleep = node.get(KEYS.idle(TYPE), set())
    sleeping = [hand for number, hand in enumerate(node.env.hands) if name_of(number) in asleep and hand.mode == "free"]
    if not sleeping or node.env.unheard or any(is_awake(node, worker) for worker in range(world.workers)):
        return
    queued = [spec.id for spec in world.tasks for each in node.waiting(spec.queue) if each == spec.id]
    waiting = [task_id for task_id in queued if not is_late(node, task_id)]
    free = [task_id for task_id in waiting if looks_again(node.task(task_id))]
    if waiting and can_start(world, node, running(node)) and (free == waiting or has_token(world, node)):
        yield f"{waiting} could start and everybody sleeps"


ALWAYS: list[StateCheck] = [no_run_is_leased_twice, nothing_accepted_is_lost]
WHERE_CLEAN: list[StateCheck] = [every_place_is_right, the_cap_holds, nobody_sleeps_beside_work]


def is_drained(node: Node) -> bool:
    """Everything that was accepted has come to an end."""
    return not node.env.dirty and all(task["status"] in _ENDED for _, task in tasks_of(node))
