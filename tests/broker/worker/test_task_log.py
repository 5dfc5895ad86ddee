"""Guards a task's life in the log: each transition is a line with the task's id, in the process where it happens."""

import json
import logging
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from broker import trace
from tests.broker.worker.conftest import SHORT_LEASE
from tests.broker.worker.harness import TENANT, Formation, Process, send

ONCE = {"max_retries": 0}


def events(process: Process, task_id: str) -> list[dict[str, Any]]:
    """What a process that logs JSON has told of a task."""
    lines = [json.loads(line) for line in process.text.splitlines() if line.startswith("{")]
    return [line for line in lines if line.get("task") == task_id]


def told(formation: Formation, process: Process, task_id: str, *messages: str) -> dict[str, Any]:
    """The last line of the task, once its messages are these."""

    def all_of_them() -> list[dict[str, Any]] | None:
        found = events(process, task_id)
        return found if [each["message"] for each in found] == list(messages) else None

    found = formation.until(all_of_them, f"{process.name} tells of {messages}")
    for each in found:
        assert (each["logger"], each["type"], each["tenant"]) == ("task", "Act", TENANT)
    return found[-1]


@pytest.fixture
def formation(formation_of: Callable[..., Formation]) -> Formation:
    return formation_of(LOG_FORMAT="json", LEASE_SECONDS=SHORT_LEASE, TEST_GRACE="0.2")


def test_how_runs_end(formation: Formation) -> None:
    """By their own handlers."""
    daemon, worker = formation.daemon(), formation.worker()
    task_id = formation.submit("answer", value=1)
    line = told(formation, worker, task_id, "completed")
    assert (line["level"], line["attempt"]) == ("info", 1)
    assert 0 <= line["duration"] < 5
    assert line["worker"].endswith("-1")
    task_id = formation.submit("flaky", failures=1)
    line = told(formation, worker, task_id, "failed, will be retried", "completed")
    assert (line["attempt"], events(worker, task_id)[0]["error"]) == (2, "failure 1")
    assert 0 <= events(worker, task_id)[0]["again_in"] <= 1
    told(formation, daemon, task_id, "due")
    task_id = formation.submit("fail", kind="permanent", message="broken file")
    line = told(formation, worker, task_id, "failed")
    assert (line["level"], line["error"]) == ("warning", "broken file")
    task_id = formation.submit("await_file", path=str(formation.file("there")))
    formation.until(lambda: events(worker, task_id), "it is postponed")
    assert events(worker, task_id)[0]["message"] == "postponed"
    formation.file("there").touch()
    formation.until_status(task_id, "completed")


def test_a_line_does_not_wait_for_the_end_of_the_next_run(formation: Formation) -> None:
    """Lines of quick runs are written together, but within moments."""
    tasks = [formation.submit("answer") for _ in range(3)]
    go = formation.file("go")
    long = formation.submit("hold", path=str(go))
    worker = formation.worker()
    formation.until_started(long)
    for each in tasks:
        told(formation, worker, each, "completed")
    assert formation.task(long).status == "processing"
    go.touch()
    assert told(formation, worker, long, "completed")["duration"] > 0.1


@pytest.fixture
def traced() -> Iterator[None]:
    """A request that has named itself."""
    trace.set_current(trace.Trace("r-1"))
    yield
    trace.set_current(trace.NONE)


@pytest.mark.usefixtures("traced")
def test_all_processes_tell_which_request_a_task_came_with(formation: Formation) -> None:
    daemon, worker = formation.daemon(MAX_CRASHES=2), formation.worker()
    failing = formation.submit("flaky", failures=1)
    dying = formation.submit("die", number=signal.SIGKILL, options=ONCE)
    overdue = formation.submit("deaf", options={"timeout_seconds": 1, **ONCE})
    for each in (failing, dying, overdue):
        formation.until_status(each, "completed", "failed", seconds=30)
    lost = formation.submit("hold", path="never")
    formation.until_started(lost)
    worker.kill_tree()
    formation.until(lambda: events(daemon, lost), "the daemon has taken it back")
    for each in (failing, dying, overdue, lost):
        lines = [*events(worker, each), *events(daemon, each)]
        assert lines or each == lost
        assert {line.get("request_id") for line in lines} == {"r-1"}, lines


def test_what_others_do_to_a_run(formation: Formation) -> None:
    worker = formation.worker(DRAIN_SECONDS=0)
    task_id = formation.submit("deaf", options={"timeout_seconds": 1, **ONCE})
    line = told(formation, worker, task_id, "overdue, killed, failed")
    assert line["error"] == "The task took longer than its timeout of 1 s."
    assert line["duration"] > 1
    task_id = formation.submit("hold", path="never")
    formation.until_started(task_id)
    formation.broker.tasks.cancel(TENANT, task_id, force=True)
    told(formation, worker, task_id, "stopped: it was cancelled, deleted or given to another worker")
    task_id = formation.submit("die", number=signal.SIGKILL)
    again = ["its process died: runs again"] * 2
    line = told(formation, worker, task_id, *again, "its process died: failed, it was not the first")
    assert (line["attempt"], line["error"]) == (3, "The worker process running this task was ended by signal 9.")
    task_id = formation.submit("hold", path="never")
    formation.until_started(task_id)
    worker.kill(signal.SIGTERM)
    assert told(formation, worker, task_id, "handed back")["attempt"] == 1


def test_a_lost_worker(formation: Formation) -> None:
    daemon, worker = formation.daemon(MAX_CRASHES=2), formation.worker()
    task_id = formation.submit("hold", path="never")
    formation.until_started(task_id)
    worker.kill_tree()
    assert told(formation, daemon, task_id, "lease lost: runs again")["attempt"] == 1
    worker = formation.worker()
    formation.until_started(task_id, attempt=2)
    worker.kill_tree()
    line = told(formation, daemon, task_id, "lease lost: runs again", "lease lost: failed, it was not the first")
    assert (line["attempt"], line["level"]) == (2, "warning")
    assert line["worker"].endswith("-1")


def test_a_foreign_hand(formation: Formation) -> None:
    """Deletes some tasks, and cancels another as RQ does."""
    formation.exact_durations = False
    daemon = formation.daemon()
    redis, keys = formation.broker.redis, formation.broker.keys
    deleted = [formation.submit("answer") for _ in range(30)]
    redis.delete(*(keys.job(each) for each in deleted))
    for each in deleted:
        redis.lrem(keys.rq_queue("Act"), 0, each)

    def lines() -> list[dict[str, Any]]:
        found = [json.loads(line) for line in daemon.text.splitlines() if "from outside" in line]
        return found if sum(each["tasks"] for each in found) == 30 else []

    found = formation.until(lines, "the audit has told")
    assert {each["message"] for each in found} == {"changed from outside: gone now"}
    assert {each["type"] for each in found} == {"Act"}
    named = [task_id for each in found for task_id in each["ids"].split(",")]
    assert set(named) <= set(deleted)
    assert len(named) + sum(each.get("more", 0) for each in found) == 30


def test_what_its_tenant_does(formation: Formation, caplog: pytest.LogCaptureFixture) -> None:
    """Told by the gateway, or by whoever else submits."""
    caplog.set_level(logging.INFO, "task")
    first, second = formation.submit("answer"), formation.submit("answer", options={"delay_seconds": 600})
    for each in (first, first, second):
        formation.broker.tasks.cancel(TENANT, each)
    worker = formation.worker()
    failed = formation.submit("fail", kind="permanent")
    told(formation, worker, failed, "failed")
    formation.broker.tasks.retry(TENANT, failed)
    known = [(each.getMessage(), each.__dict__["fields"]["task"]) for each in caplog.records if each.name == "task"]
    assert known == [
        ("accepted", first),
        ("accepted", second),
        ("cancelled while pending", first),
        ("cancelled while scheduled", second),
        ("accepted", failed),
        ("retried by its tenant", failed),
    ]


def test_a_server_that_is_away_is_told_of_once_by_each_process(formation: Formation) -> None:
    worker = formation.worker()
    formation.until_idle(1)
    server = formation.broker.redis.info("server")["process_id"]
    task_id = formation.submit("hold", path=str(formation.file("go")))
    formation.until_started(task_id)
    send(server, signal.SIGSTOP)
    try:
        formation.until(lambda: "leases are not renewed" in worker.text, "the supervisor misses it")
    finally:
        send(server, signal.SIGCONT)
    formation.until(lambda: "Redis answers again" in worker.text, "the supervisor has it back")
    assert worker.text.count("Redis does not answer") == 1
    formation.file("go").touch()
    formation.until_status(task_id, "completed")
