"""Guards the time limit of a run: it ends whatever the handler is doing, together with all that the handler started."""

import time

import pytest

from tests.broker.worker import processes
from tests.broker.worker.conftest import GRACE, SHORT_LEASE
from tests.broker.worker.harness import Formation

SECOND = {"timeout_seconds": 1, "max_retries": 0}
#: The supervisor looks so often.
BEAT = float(SHORT_LEASE) / 5
MESSAGE = "The task took longer than its timeout of 1 s."


@pytest.mark.parametrize("act", ["sleep", "swallow"])
def test_a_handler_in_python_is_ended_by_an_exception_that_spares_the_process(running: Formation, act: str) -> None:
    task_id = running.submit(act, options=SECOND, **({"seconds": 60} if act == "sleep" else {}))
    task = running.until_status(task_id, "failed")
    assert task.error == MESSAGE
    assert processes.alive(running.effects(task_id, "start")[0]["pid"])


def test_a_run_that_took_too_long_uses_a_retry(running: Formation) -> None:
    task_id = running.submit("sleep", seconds=60, options={**SECOND, "max_retries": 1})
    task = running.until_status(task_id, "failed")
    assert task.retry_count == 1
    assert [(each["outcome"], each["error"]) for each in task.attempts] == [("failed", MESSAGE)] * 2


def test_what_a_handler_does_to_the_alarm_clock_does_not_spare_the_next(formation: Formation) -> None:
    formation.worker()
    first, second = formation.submit("take_alarm"), formation.submit("sleep", seconds=60, options=SECOND)
    assert formation.until_status(second, "failed").error == MESSAGE
    pids = {formation.effects(each, "start")[0]["pid"] for each in (first, second)}
    assert len(pids) == 1
    assert processes.alive(pids.pop())


@pytest.mark.parametrize("act", ["deaf", "hang_in_c"])
def test_a_handler_that_does_not_heed_its_time_limit_is_killed(running: Formation, act: str) -> None:
    task_id = running.submit(act, options=SECOND)
    task = running.until_status(task_id, "failed")
    assert (task.error, task.retry_count) == (MESSAGE, 0)
    started = running.effects(task_id, "start")[0]
    running.until_gone(started["pid"])
    assert time.monotonic() - started["at"] < 1 + GRACE + BEAT + 10  # the rest is for a machine that is busy
    assert running.until_status(running.submit("answer", value=1), "completed").result == 1


@pytest.mark.parametrize("plain", [False, True], ids=["context.popen", "subprocess"])
def test_programs_die_with_the_handler_that_is_killed(running: Formation, plain: bool) -> None:
    task_id = running.submit("spawn", plain=plain, deaf=True, path="", options=SECOND)
    assert running.until_status(task_id, "failed").error == MESSAGE
    running.until_gone(*running.effects(task_id, "spawned")[0]["pids"])


def test_programs_die_with_the_run_that_is_ended_by_the_exception(running: Formation) -> None:
    task_id = running.submit("spawn", path="never", options=SECOND)
    assert running.until_status(task_id, "failed").error == MESSAGE
    running.until_gone(*running.effects(task_id, "spawned")[0]["pids"])
    assert processes.alive(running.effects(task_id, "start")[0]["pid"])


def test_a_fork_bomb_dies_as_a_whole(running: Formation) -> None:
    running.until_idle(2)
    before = set(processes.marked(running.mark))
    task_id = running.submit("fork_bomb", depth=5, options=SECOND)
    running.until(lambda: len(processes.marked(running.mark)) > len(before) + 20, "the bomb has gone off")
    assert running.until_status(task_id, "failed").error == MESSAGE
    child = running.effects(task_id, "start")[0]["pid"]
    running.until(lambda: len(processes.marked(running.mark)) <= len(before), "all of the bomb is gone")
    assert not processes.alive(child)
