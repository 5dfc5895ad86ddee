"""Guards the promise that a deploy never fails a task: 100 workers are told to stop under load, in every way."""

import signal
from functools import partial

import pytest

from tests.broker.worker.harness import TENANT, Formation, Process
from tests.scale import examples
from tests.system.storm import Storm

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]


@pytest.mark.parametrize("seconds", [(0.0, 0.05), (0.5, 3.0)], ids=["short tasks", "tasks longer than the drain"])
def test_deploys_under_load(formation: Formation, seconds: tuple[float, float]) -> None:
    formation.daemon()
    storm = Storm(formation, seed=3, seconds=seconds, WORKER_PROCESSES=2, DRAIN_SECONDS=1)
    slowest = 0.0
    with storm.raging():
        for _ in range(examples(5)):
            worker = storm.random.choice(storm.workers)
            kind = storm.random.choice(sorted(WAYS))
            slowest = max(slowest, storm.terminate(kind, worker, partial(WAYS[kind], worker)))
    print(f"  slowest worker was gone after {slowest:.3f} s, with 1 s to drain")
    storm.ledger.settle(reruns=seconds[1] > 1)
    tasks = formation.broker.tasks.page(TENANT, limit=100).tasks
    assert all((task.retry_count, task.attempts) == (0, []) for task in tasks)
    assert formation.broker.tasks.stats(TENANT).by_status["completed"] == len(storm.ledger.acknowledged)


def _twice(worker: Process) -> None:
    worker.kill(signal.SIGTERM)
    worker.kill(signal.SIGTERM)


def _to_every_process_twice(worker: Process) -> None:
    worker.kill_tree(signal.SIGTERM)
    worker.kill_tree(signal.SIGTERM)


WAYS = {
    "SIGTERM": lambda worker: worker.kill(signal.SIGTERM),
    "SIGTERM twice": _twice,
    "SIGTERM to every process": lambda worker: worker.kill_tree(signal.SIGTERM),
    "SIGTERM to every process, twice": _to_every_process_twice,
    "SIGINT": lambda worker: worker.kill(signal.SIGINT),
    "SIGHUP": lambda worker: worker.kill(signal.SIGHUP),
}
