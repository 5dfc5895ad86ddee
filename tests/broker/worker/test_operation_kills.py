"""Guards operations against the death of who asks for them and of daemons: they end, and act on each task once."""

import random
import time
from collections import Counter
from functools import partial

import pytest

from broker.engine.transitions import Claim, Claimed
from broker.operations.operations import Action, Operation, Operations
from broker.operations.reprocessing_steps import HowAgain, ReprocessingSteps, Videos
from broker.status import Status
from broker.tasks.submission import prepare
from broker.tasks.task_filters import Wanted
from handlers.transcoding.task import VIDEO_TRANSCODING
from tests.broker.engine.operating import put_video
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
    operation = hurried(formation).create(TENANT, action, wanted, {})
    assert operation.status == "running"
    return operation.id


def hurried(formation: Formation) -> Operations:
    """Of whom who asks for one does but one step."""
    broker = formation.broker
    check = partial(prepare, {"VideoTranscoding": VIDEO_TRANSCODING})
    steps = ReprocessingSteps(broker.transitions, broker.media, check, lambda: "0")
    storage, clock = lambda: broker.storage, iter(range(10**9)).__next__
    return Operations(broker.redis, broker.transitions, storage, steps, clock=clock)


def killed_until_it_ends(formation: Formation, operation_id: str) -> Operation:
    """The operation when it has ended, after daemons that went on with it were killed in the middle."""
    operations, luck, killed = formation.broker.operations, random.Random(7), 0

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
    return operations.get(TENANT, operation_id)


@pytest.mark.parametrize("action", [Action.RETRY, Action.DELETE])
def test_daemons_that_are_killed_leave_it_to_the_next(formation: Formation, action: Action) -> None:
    ids = failed_tasks(formation)
    later = formation.submit("nothing")
    operation_id = asked_for_by_who_dies(formation, action, Wanted(error="BOOM"))
    ended = killed_until_it_ends(formation, operation_id)
    assert (ended.matched, ended.done, ended.skipped, ended.failed) == (MANY, MANY, 0, 0)
    left = formation.broker.tasks.get_many(TENANT, ids)
    if action is Action.DELETE:
        assert not left
    else:
        assert {task.retry_count for task in left.values()} == {1}
        assert all(task.status in (Status.SCHEDULED, Status.PENDING) for task in left.values())
    assert formation.task(later).status == "pending"


def test_each_video_is_transcoded_again_once_whoever_is_killed(formation: Formation) -> None:
    broker, many = formation.broker, 3000
    videos = [put_video(broker.redis, broker.keys, TENANT, 1_700_000_000_000_000 + n) for n in range(many)]
    operation = hurried(formation).reprocess(TENANT, Videos(), {}, HowAgain({}))
    assert operation.status == "running"
    ended = killed_until_it_ends(formation, operation.id)
    assert (ended.matched, ended.done, ended.skipped, ended.failed) == (many, many, 0, 0)
    tasks, place = Counter[str](), 0
    while page := broker.tasks.page(TENANT, limit=1000, offset=place).tasks:
        tasks.update(str(each.payload["video_id"]) for each in page)
        place += len(page)
    assert tasks == Counter(videos)
