"""Guards that limits and recovery come back by themselves after Redis has lost everything, whoever is up."""

from broker.clock import from_rfc3339
from broker.queues.limits import declarations
from broker.worker.child import LONGEST_SLEEP
from tests.broker.worker.conftest import SHORT_LEASE
from tests.broker.worker.harness import Formation
from tests.broker.worker.task_types import TYPES


def forget_everything(formation: Formation) -> None:
    formation.broker.redis.flushall()
    assert formation.broker.queues.undeclared() == sorted(TYPES)


def until_declared(formation: Formation) -> None:
    formation.until(lambda: not formation.broker.queues.undeclared(), "the types are declared")


def test_a_worker_alone_keeps_to_the_limits_of_a_server_that_knew_none(formation: Formation) -> None:
    forget_everything(formation)
    formation.worker(WORKER_PROCESSES=2)
    formation.until_idle(2)
    forget_everything(formation)
    tasks = [formation.submit("answer", type="Limited") for _ in range(25)]
    for each in tasks:
        formation.until_status(each, "completed")
    starts = sorted(from_rfc3339(formation.task(each).started_at or "") for each in tasks)
    kind = TYPES["Limited"]
    assert kind.rate
    least = (len(tasks) - kind.burst) / kind.rate
    assert (starts[-1] - starts[0]) / 1e6 >= least - 1e-3


def test_a_killed_workers_task_is_taken_back(formation: Formation) -> None:
    """The daemon does not know the type; the workers' word is enough."""
    formation.daemon(LEASE_SECONDS=SHORT_LEASE)
    forget_everything(formation)
    first = formation.worker(LEASE_SECONDS=SHORT_LEASE)
    formation.until_idle(1)
    task_id = formation.submit("hold", path=str(formation.file("go")))
    formation.until_started(task_id)
    formation.worker(LEASE_SECONDS=SHORT_LEASE)
    first.kill_tree()
    formation.until_started(task_id, attempt=2)
    formation.file("go").touch()
    formation.until_status(task_id, "completed")


def test_a_daemon_alone_declares_what_its_environment_names(formation: Formation) -> None:
    formation.daemon(TASK_TYPES=",".join(f"tests.broker.worker.task_types:{name}" for name in ("ACT", "LIMITED")))
    redis, key = formation.broker.redis, formation.broker.keys.limits("Limited")
    declared = declarations({"Limited": TYPES["Limited"]}).partition("=")[2]
    for _ in range(2):
        redis.flushall()
        formation.until(lambda: redis.hget(key, "declared") == declared, "the daemon has declared the type")


def test_a_worker_that_is_never_idle_is_known_again(formation: Formation) -> None:
    worker = formation.worker()
    formation.until_idle(1)
    forget_everything(formation)
    tasks = [formation.submit("sleep", seconds=0.1) for _ in range(round(12 * LONGEST_SLEEP))]  # longer than any sleep
    formation.until(formation.broker.workers.list, "the worker is known")
    until_declared(formation)
    formation.until(lambda: [each.state for each in formation.broker.workers.list()] == ["busy"], "it works again")
    (known,) = formation.broker.workers.list()
    assert known.pid == worker.children[0]
    assert formation.task(tasks[-1]).status == "pending"
    for each in tasks:
        formation.until_status(each, "completed")
