"""Guards the promise that nothing accepted is ever lost, and that a dead worker costs seconds: kill -9, 200 times."""

import signal
from collections.abc import Callable

import pytest

from tests.broker.worker.harness import Formation
from tests.scale import examples
from tests.system.ledger import Fault
from tests.system.storm import Storm

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]


def test_kills_under_load(formation: Formation) -> None:
    """Children, supervisors and whole trees, with the lease that is the default; now and then a daemon as well."""
    daemons = [formation.daemon(MAX_CRASHES=1000) for _ in range(2)]
    storm = Storm(formation, seed=1, seconds=(0.05, 1.0), acts=("sleep", "film"), WORKER_PROCESSES=2, MAX_CRASHES=1000)
    with storm.raging():
        for number in range(examples(10)):
            storm.kill_something()
            if number % 20 == 19:
                daemons.pop(0).kill()
                daemons.append(formation.daemon(MAX_CRASHES=1000))
            if number % 10 == 9:
                formation.check()
    storm.ledger.settle()


POINTS = [(step, when) for step in ("claim", "finish", "fail") for when in ("before", "after")]


@pytest.mark.parametrize(("step", "when"), POINTS)
def test_kills_at_one_step(formation_of: Callable[..., Formation], step: str, when: str) -> None:
    """A child of each worker dies once, exactly there."""
    formation = formation_of(LEASE_SECONDS="2", MAX_CRASHES="1000")
    formation.daemon()
    storm = Storm(formation, seed=2, seconds=(0.01, 0.2), WORKER_PROCESSES=2)
    with storm.raging(workers=1):
        for number in range(examples(1)):
            point = formation.file(f"point-{number}")
            pointed = formation.worker(TEST_POINT=f"{step}:{when}:kill:{point}", WORKER_PROCESSES=2)
            while step == "fail" and not point.exists():  # which worker's child fails next is a matter of luck
                task_id = formation.submit("flaky", failures=1)
                storm.ledger.acknowledged.append(task_id)
                formation.until_status(task_id, "completed", seconds=30)
            formation.until(point.exists, "the point is reached", seconds=30)
            storm.ledger.faults.append(Fault(f"killed {when} {step}", 0.0))
            pointed.kill(signal.SIGTERM)
            assert pointed.wait(25) == 0
    storm.ledger.settle()
