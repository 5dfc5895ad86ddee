"""Guards that a child is as good for the next task as for the last one, whatever the last has done to it."""

import os
import signal
from typing import Any

import pytest

from tests.broker.worker import processes
from tests.broker.worker.harness import TENANT, Formation
from tests.waiting import PATIENCE

ONCE = {"max_retries": 0}


def look(formation: Formation) -> dict[str, Any]:
    """What a task finds of the process that it runs in."""
    found: dict[str, Any] = formation.until_status(formation.submit("look", type="Leak"), "completed").result
    return found


@pytest.mark.parametrize("ends", ["return", "raise", "exit", "postpone"])
def test_a_copy_that_comes_back_from_its_handler_ends_at_once(formation: Formation, ends: str) -> None:
    """Else it would report the task's end a second time, and run others beside the real child, under no supervision."""
    worker = formation.worker()
    task_id = formation.submit("fork", type="Leak", ends=ends)
    task = formation.until_status(task_id, "completed", "failed")
    assert (task.status, task.result) == ("completed", {"status": 1})
    assert len(formation.effects(task_id, "copy")) == 1
    for number in range(20):
        formation.until_status(formation.submit("answer", value=number), "completed")
    assert len({each["pid"] for each in formation.effects(what="start")}) == 1
    assert len(formation.effects(what="start")) == 21
    assert "made by a task that forked" in worker.text


def test_a_copy_that_was_made_by_a_signal_handler_ends_too(formation: Formation) -> None:
    formation.worker()
    task_id = formation.submit("fork_and_report", type="Leak")
    assert formation.until_status(task_id, "completed").result == "once"
    copy = formation.until(lambda: formation.effects(task_id, "copy"), "there was a copy")[0]["pid"]
    formation.until_gone(copy)


def test_what_a_handler_has_changed_of_its_process_is_put_back(formation: Formation) -> None:
    worker = formation.worker()
    before = look(formation)
    formation.until_status(formation.submit("spoil", type="Leak"), "completed")
    assert look(formation) == before
    formation.until_status(formation.submit("spoil_more", type="Leak"), "completed")
    assert look(formation) == before
    assert "is replaced" not in worker.text


def test_a_child_whose_state_cannot_be_put_back_is_replaced_and_loses_nothing(formation: Formation) -> None:
    worker = formation.worker()
    formation.until_idle(1)
    old = worker.children[0]
    tasks = [formation.submit("close_all", type="Leak"), formation.submit("answer", value=1)]
    for each in tasks:
        assert formation.until_status(each, "completed").attempts == []
        assert len(formation.effects(each, "start")) == 1
    formation.until_gone(old)
    assert "has left behind something that cannot be put back" in worker.text


def test_a_stray_alarm_is_no_end_of_time(formation: Formation) -> None:
    """Neither while a task has time left, whose own alarm still rings, nor while the child sleeps."""
    worker = formation.worker()
    task = formation.until_status(formation.submit("stray_alarm", type="Leak", seconds=0.2), "completed")
    assert task.attempts == []
    late = formation.submit("stray_alarm", type="Leak", seconds=60, options={"timeout_seconds": 1, **ONCE})
    assert "timeout of 1 s" in (formation.until_status(late, "failed").error or "")
    formation.until_idle(1)
    child = worker.children[0]
    os.kill(child, signal.SIGALRM)
    assert formation.until_status(formation.submit("answer", value=1), "completed").result == 1
    assert worker.children == [child]


@pytest.mark.parametrize(("act", "what"), [("leave_thread", "a thread (left alone)"), ("leave_copy", "a process")])
def test_a_child_in_which_a_task_goes_on_is_replaced_at_once(formation: Formation, act: str, what: str) -> None:
    worker = formation.worker()
    formation.until_idle(1)
    old = worker.children[0]
    task_id = formation.submit(act, type="Leak")
    assert formation.until_status(task_id, "completed").attempts == []
    formation.until_gone(old, *(pid for each in formation.effects(task_id, "spawned") for pid in each["pids"]))
    assert formation.until_status(formation.submit("answer", value=1), "completed").result == 1
    assert f"is replaced: task {task_id} has left behind {what}" in worker.text


def test_a_thread_that_outlives_its_run_writes_no_progress_of_the_next(formation: Formation) -> None:
    formation.worker(LEASE_SECONDS=1)
    formation.until_status(formation.submit("late_progress", type="Leak", path=str(formation.file("end"))), "completed")
    task_id = formation.submit("hold", path=str(formation.file("go")))
    formation.until(lambda: formation.field(task_id, "last_heartbeat"), "a heartbeat")
    assert formation.task(task_id).progress is None
    for name in ("end", "go"):
        formation.file(name).touch()
    formation.until_status(task_id, "completed")


def test_orphans_are_adopted_reaped_and_do_not_outlive_the_worker(formation: Formation) -> None:
    """As process 1 of a container has to, whatever else it is."""
    worker = formation.worker(LEASE_SECONDS=1)
    brief, long = (formation.submit("leave_orphan", type="Leak", seconds=each) for each in (0.5, 1000))
    formation.until_status(long, "completed")
    dead, living = (formation.effects(each, "spawned")[0]["pids"][0] for each in (brief, long))
    formation.until(lambda: not processes.exists(dead), "the dead orphan is no zombie")
    assert processes.parent(living) == worker.pid
    worker.kill(signal.SIGTERM)
    assert worker.wait(PATIENCE) == 0
    assert not processes.exists(living)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("speechless", "_Speechless, whose text cannot be had: RuntimeError"),
        ("furious", "_Furious, whose text cannot be had: KeyboardInterrupt"),
        ("no text", "_NoText, whose text cannot be had: TypeError"),
        ("bare", "_Bare, whose text cannot be had: AttributeError"),
        ("syntax", "SyntaxError"),
        ("retry_after", "PermanentError, whose text cannot be had: RuntimeError"),
        ("postpone", "Postpone"),
    ],
)
def test_an_exception_that_cannot_be_put_into_words_fails_its_task_alone(
    running: Formation, kind: str, told: str
) -> None:
    task_id = running.submit("broken_error", type="Leak", kind=kind, options=ONCE)
    task = running.until_status(task_id, "failed")
    assert told in (task.error or "")
    assert [each["outcome"] for each in task.attempts] == ["failed"]
    assert processes.alive(running.effects(task_id, "start")[0]["pid"])


@pytest.mark.parametrize(
    ("field", "text"), [("payload", "{"), ("payload", "[1]"), ("payload", b'{"a": "\xff"}'), ("memo", "nothing")]
)
def test_what_was_spoilt_in_redis_fails_its_task_in_words(running: Formation, field: str, text: str | bytes) -> None:
    """Spoilt between two runs: what a task remembers is not read for its first one."""
    task_id = running.submit("fail", kind="permanent", options={"max_retries": 5})
    running.until_status(task_id, "failed")
    running.broker.redis.hset(running.broker.keys.job(task_id), field, text)
    running.broker.transitions.retry(task_id, TENANT, force=False, request="once more")
    again = ["2", "failed"]
    running.until(lambda: [running.field(task_id, each) for each in ("runs", "status")] == again, "it has failed again")
    running.broker.redis.hset(running.broker.keys.job(task_id), field, "{}")  # readers show it as it is again
    task = running.task(task_id)
    assert task.error == f"The task's {field} was changed in Redis: it is no JSON object any more."
    assert (task.retry_count, [each["outcome"] for each in task.attempts]) == (1, ["failed", "failed"])
