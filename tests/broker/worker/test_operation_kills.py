"""Guards operations against the death of who asks for them and of daemons: they end, and act on each task once."""

import random
import time

import pytest

from broker.engine.transitions import Claim, Claimed
from broker.operations.operations import Action, Operations
from broker.status import Status
from broker.tasks.task_filters import Wanted
from tests.broker.worker.harness import TENANT, Formation
from tests.waiting import PATIENCE

MANY = 600


def failed_tasks(formation: Formation) -> list[str]:
    """Tasks that have failed for good, with retries left."""
    store = formation.broker.transitions
    ids = [formation.submit("nothing") for _ in range(MANY)]
    then = Claim("w", "", "Act", 5_000_000)
    for number in range(MANY):
        execution = f"x{number}"
        claimed = store.claim(Claim("w", execution, "Act", 5_000_000))
        assert isinstance(claimed, Claimed)
        assert store.fail(claimed.id, execution, "boom", "", None, then)[0] == "failed"
    return ids


def asked_for_by_who_dies(formation: Formation, action: Action, wanted: Wanted) -> str:
    """An operation of which but one step was done."""
    broker = formation.broker
    hurried = Operations(broker.redis, broker.transitions, lambda: broker.storage, clock=iter(range(10**9)).__next__)
    operation = hurried.create(TENANT, action, wanted, {})
    assert operation.status == "running"
    return operation.id


@pytest.mark.parametrize("action", [Action.RETRY, Action.DELETE])
def test_daemons_that_are_killed_leave_it_to_the_next(formation: Formation, action: Action) -> None:
    luck = random.Random(7)
    ids = failed_tasks(formation)
    later = formation.submit("nothing")
    operation_id = asked_for_by_who_dies(formation, action, Wanted(error="BOOM"))
    operations, killed = formation.broker.operations, 0

    def done() -> int:
        return operations.get(TENANT, operation_id).done

    while operations.get(TENANT, operation_id).status == "running" and killed < 2:
        before, daemon = done(), formation.daemon()
        formation.until(lambda before=before: done() > before, "a daemon goes on with it")
        time.sleep(luck.uniform(0, 0.05))  # the moment of the blow, at random
        daemon.kill()
        daemon.wait(PATIENCE)
        killed += 1
    assert killed
    formation.daemon()
    formation.until(lambda: operations.get(TENANT, operation_id).status == "completed", "it ends")
    ended = operations.get(TENANT, operation_id)
    assert (ended.matched, ended.done, ended.skipped, ended.failed) == (MANY, MANY, 0, 0)
    left = formation.broker.tasks.get_many(TENANT, ids)
    if action is Action.DELETE:
        assert not left
    else:
        assert {task.retry_count for task in left.values()} == {1}
        assert all(task.status in (Status.SCHEDULED, Status.PENDING) for task in left.values())
    assert formation.task(later).status == "pending"
