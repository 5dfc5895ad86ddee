"""Guards a machine with bounds on processes and memory against tasks that run into them: they fail, others go on."""

import signal
import time
from collections.abc import Iterator
from statistics import median

import pytest

from tests.broker.worker.cage import Cage
from tests.broker.worker.harness import Formation, Process, send
from tests.scale import examples
from tests.waiting import PATIENCE

pytestmark = pytest.mark.scales


@pytest.fixture
def cage(formation: Formation) -> Iterator[Cage]:
    """All that it holds is over before it is taken away."""
    with Cage().built() as cage:
        yield cage
        for worker in formation.processes:
            worker.kill_tree()
            worker.wait(PATIENCE)


@pytest.fixture
def worker(formation: Formation, cage: Cage) -> Process:
    """A caged worker with two idle children."""
    worker = formation.worker(WORKER_PROCESSES=2)
    cage.put(worker.pid)
    formation.until_idle(2)
    return worker


@pytest.mark.parametrize(
    ("act", "told"),
    [("segfault", "signal 11"), ("leave", "exit status 1"), ("devour", "signal 9"), ("crowd", "signal 6")],
)
@pytest.mark.usefixtures("worker")
def test_a_task_that_kills_its_process_fails_and_slows_nobody(formation: Formation, act: str, told: str) -> None:
    normal, beside = _latencies(formation), []
    for _ in range(examples(1)):
        poison = formation.submit(act, **({"status": 1} if act == "leave" else {}))
        beside += _latencies(formation)
        task = formation.until_status(poison, "failed", seconds=60)
        assert told in (task.error or "") and "3 times in a row" in (task.error or "")
        assert (task.retry_count, len(formation.effects(poison, "start"))) == (0, 3)
    told_ms = [f"p50 {median(each) * 1000:.1f}, max {max(each) * 1000:.1f} ms" for each in (beside, normal)]
    print(f"\n  {examples(1)} x {act}: latency of others {told_ms[0]}; without poison {told_ms[1]}")
    assert median(beside) < 2 * median(normal) + 0.05
    # Nobody waits out the life that a child without a task must have had; of ten the machine may have one wait.
    assert sorted(beside)[-1 - len(beside) // 10] < max(normal) + 0.5


def _latencies(formation: Formation) -> list[float]:
    """Seconds from the submission of harmless tasks to their starts, one after another."""
    latencies = []
    for _ in range(10):
        submitted = time.monotonic()
        task_id = formation.submit("sleep", type="Other", seconds=0.1)
        latencies.append(formation.until_started(task_id)["at"] - submitted)
        assert formation.until_status(task_id, "completed").attempts == []
    return latencies


def test_a_worker_survives_that_there_is_no_room_for_another_process(
    formation: Formation, cage: Cage, worker: Process
) -> None:
    """A child dies while there may be no process more than there are: it is replaced when there is room again."""
    cage.bound(processes=1)
    send(worker.children[0], signal.SIGKILL)
    formation.until(lambda: "cannot be started" in worker.text, "the worker has tried")
    assert formation.until_status(formation.submit("answer", value=1), "completed").result == 1
    cage.bound(processes=60)
    formation.until_idle(2)
    assert worker.alive
