"""Guards that the ledger has what runs have used, however they end, and once."""

from datetime import timedelta

import pytest

from broker.task import Task
from broker.usage.used import Row
from tests.broker.worker.harness import TENANT, Formation

MIB = 2**20
#: Processor seconds, and MiB, of the program that a run starts. A process of Python alone takes less than that.
SECONDS, LARGE = 0.2, 120
SHORT = {"timeout_seconds": 4, "max_retries": 0}


def ledger(running: Formation) -> Row:
    """All that the tenant has used."""
    read = running.broker.ledger
    today = read.today()
    return read.read(TENANT, today - timedelta(days=1), today).total


def used(task: Task) -> dict[str, float]:
    assert task.usage is not None
    return task.usage


@pytest.mark.parametrize("plain", [False, True], ids=["context.popen", "subprocess"])
def test_a_runs_programs_count_as_its_own(running: Formation, plain: bool) -> None:
    before = ledger(running)
    task = running.until_status(running.submit("work", seconds=SECONDS, mib=LARGE, plain=plain), "completed")
    assert SECONDS <= used(task)["cpu_seconds"] < SECONDS + 2
    assert used(task)["run_seconds"] >= used(task)["cpu_seconds"] - 0.1
    after = ledger(running)
    assert after.runs == before.runs + 1
    assert after.cpu_seconds - before.cpu_seconds == pytest.approx(used(task)["cpu_seconds"], abs=0.02)
    if not plain:  # of whose memory nobody is told
        assert LARGE * MIB < used(task)["peak_memory_bytes"] < 3 * LARGE * MIB
        assert after.peak_memory_bytes >= used(task)["peak_memory_bytes"]


def test_the_memory_of_a_run_is_not_that_of_the_one_before(formation: Formation) -> None:
    """The same process runs both."""
    formation.worker()
    large = formation.until_status(formation.submit("work", seconds=0.02, mib=LARGE), "completed")
    small = formation.until_status(formation.submit("sleep", seconds=0.05), "completed")
    assert used(large)["peak_memory_bytes"] > LARGE * MIB > used(small)["peak_memory_bytes"] > MIB


def test_every_try_of_a_task_is_added(running: Formation) -> None:
    task_id = running.submit("work", seconds=SECONDS, mib=1, end="fail", options={"max_retries": 1})
    once = used(running.until_status(task_id, "failed"))["cpu_seconds"]
    assert SECONDS <= once < SECONDS + 2
    running.broker.tasks.retry(TENANT, task_id)
    both = running.until(lambda: (seconds := used(running.task(task_id))["cpu_seconds"]) > once and seconds, "added")
    assert SECONDS <= both - once < SECONDS + 2


@pytest.mark.parametrize(("end", "options"), [("die", {}), ("deaf", SHORT)])
def test_what_a_run_used_that_was_lost_or_killed_is_measured_by_its_supervisor(
    running: Formation, end: str, options: dict[str, int]
) -> None:
    before = ledger(running)
    task_id = running.submit("work", seconds=SECONDS, mib=LARGE, end=end, options=options)
    running.until_status(task_id, "failed", seconds=30)
    tries = 3 if end == "die" else 1
    running.until(lambda: ledger(running).runs >= before.runs + tries, "the runs are in the ledger")
    after = ledger(running)
    assert after.runs == before.runs + tries
    assert tries * SECONDS <= after.cpu_seconds - before.cpu_seconds < tries * (SECONDS + 2)
    assert used(running.task(task_id))["cpu_seconds"] == pytest.approx(after.cpu_seconds - before.cpu_seconds, abs=0.02)


def test_a_run_that_its_owner_stops_is_in_the_ledger(running: Formation) -> None:
    before = ledger(running)
    task_id = running.submit("work", seconds=SECONDS, mib=1, end="deaf")
    running.until(lambda: running.effects(task_id, "worked"), "it has worked")
    running.broker.tasks.cancel(TENANT, task_id, force=True)
    running.until(lambda: running.task(task_id).usage, "its usage is told")
    assert ledger(running).runs == before.runs + 1
    assert used(running.task(task_id))["cpu_seconds"] >= SECONDS


def test_runs_that_are_too_short_are_told_together(running: Formation) -> None:
    before = ledger(running)
    ids = [running.submit("answer", value=number) for number in range(30)]
    for each in ids:
        running.until_status(each, "completed")
    running.until(lambda: ledger(running).runs == before.runs + 30, "all of them are in the ledger")
    assert 0 < ledger(running).cpu_seconds - before.cpu_seconds < 5
