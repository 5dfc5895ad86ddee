"""Guards that who types ``rq`` beside the running system gets what that command means: within ten seconds the state is
the truth again, and the doctor finds nothing.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from redis import Redis
from rq.job import Job

from broker.doctor.doctor import Doctor
from broker.errors import NotFound
from broker.status import Status
from broker.tasks.task_filters import Wanted
from tests.broker.worker.harness import TENANT, Formation
from tests.servers import SERVER, own_server
from tests.system.rq_command import rq

SECONDS = 10.0
BOTH = ("Act", "Act:3")


@pytest.fixture
def formation(tmp_path: Path) -> Iterator[Formation]:
    """A daemon and a worker with one child."""
    config = {**SERVER, "appendonly": "yes"}
    with (
        own_server(config) as server,
        Formation(tmp_path, f"redis://127.0.0.1:{server.port}/0") as formation,
    ):
        formation.daemon()
        formation.worker()
        yield formation


def busy(formation: Formation) -> str:
    """A task that keeps the only child at work until ``go`` is there."""
    task_id = formation.submit("hold", path=str(formation.file("go")))
    formation.until_started(task_id)
    return task_id


def go(formation: Formation) -> None:
    formation.file("go").touch()


def gone(formation: Formation, task_id: str) -> bool:
    """No read shows it and no list counts it."""
    with suppress(NotFound):
        formation.task(task_id)
        return False
    indexes = [formation.broker.keys.index(TENANT, each) for each in formation.broker.types]
    return all(formation.broker.redis.zscore(index, task_id) is None for index in indexes)


def assert_healthy(formation: Formation) -> None:
    assert Doctor(formation.broker).check() == []


def test_requeue_all(formation: Formation) -> None:
    """While suspended, so that they are seen waiting."""
    ids = [formation.submit("fail", kind="permanent", options={"priority": p}) for p in (0, 3)]
    for task_id in ids:
        formation.until_status(task_id, "failed")
        formation.broker.tasks.retry(TENANT, task_id)
        formation.until_started(task_id, attempt=2)
        formation.until_status(task_id, "failed")
    rq(formation, "suspend")
    for queue in BOTH:
        rq(formation, "requeue", "--all", "--queue", queue)
    for task_id in ids:
        task = formation.until_status(task_id, "pending", seconds=SECONDS)
        assert (task.retry_count, task.completed_at) == (1, None)
    formation.until(
        lambda: not formation.broker.tasks.page(TENANT, Wanted(statuses=(Status.FAILED,))).tasks,
        "the lists say so",
        SECONDS,
    )
    assert_healthy(formation)
    rq(formation, "resume")
    for task_id in ids:
        formation.until_started(task_id, attempt=3, seconds=SECONDS)
        assert formation.until_status(task_id, "failed").retry_count == 1


def test_empty(formation: Formation) -> None:
    running = busy(formation)
    ids = [formation.submit("answer", options={"priority": p}) for p in (0, 0, 3, 3)]
    for queue in BOTH:
        rq(formation, "empty", queue)
    for task_id in ids:
        formation.until(lambda task_id=task_id: gone(formation, task_id), f"{task_id} is gone", SECONDS)  # type: ignore[misc]
    assert_healthy(formation)
    go(formation)
    formation.until_status(running, "completed")
    assert [formation.effects(task_id) for task_id in ids] == [[]] * 4


def test_suspend_holds_what_is_submitted_until_resume(formation: Formation) -> None:
    formation.until_idle(1)
    rq(formation, "suspend")
    task_id = formation.submit("answer")
    later = formation.submit("answer", options={"delay_seconds": 0.5})
    formation.until_status(later, "pending", seconds=SECONDS)
    assert formation.task(task_id).status == "pending"
    assert_healthy(formation)
    rq(formation, "resume")
    for each in (task_id, later):
        formation.until_status(each, "completed", seconds=SECONDS)


def test_a_stock_worker_beside_ours_harms_nothing(formation: Formation) -> None:
    running = busy(formation)
    ids = [formation.submit("answer", options={"priority": p}) for p in (0, 3)]
    rq(formation, "worker", "--burst", "--quiet", *BOTH)
    for task_id in ids:
        task = formation.until_status(task_id, "pending", seconds=SECONDS)
        assert (task.retry_count, task.attempts) == (0, [])
    formation.until(lambda: formation.broker.queues.list()[0].depth == 2, "both wait in their queues", SECONDS)
    assert_healthy(formation)
    go(formation)
    for task_id in (running, *ids):
        formation.until_status(task_id, "completed")
        assert len(formation.effects(task_id, "start")) == 1
    assert_healthy(formation)


def test_deleted_while_it_runs_the_run_is_stopped(formation: Formation) -> None:
    formation.exact_durations = False
    task_id = formation.submit("hold", path=str(formation.file("go")))
    child = formation.until_started(task_id)["pid"]
    with Redis.from_url(formation.broker.settings.redis_url) as connection:
        Job.fetch(task_id, connection=connection).delete()
    formation.until_gone(child, seconds=SECONDS)
    formation.until(lambda: gone(formation, task_id), "it is gone", SECONDS)
    go(formation)
    formation.until_status(formation.submit("answer"), "completed")
    assert_healthy(formation)
