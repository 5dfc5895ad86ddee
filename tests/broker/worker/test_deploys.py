"""Guards what a deploy does: a worker told to stop lets short work end, hands the rest back unharmed, and is gone."""

import signal
from collections.abc import Callable
from dataclasses import replace

import pytest

from broker.broker import Broker
from broker.task import NewTask, Task
from broker.worker.child import LONGEST_SLEEP
from tests.broker.worker import processes
from tests.broker.worker.harness import TENANT, Formation, Process, send
from tests.broker.worker.task_types import TYPES
from tests.waiting import PATIENCE


def _terminate(worker: Process) -> None:
    worker.kill(signal.SIGTERM)


def _terminate_twice(worker: Process) -> None:
    worker.kill(signal.SIGTERM)
    worker.kill(signal.SIGTERM)


def _terminate_everything(worker: Process) -> None:
    """As a platform does it: every process of the machine gets the signal."""
    worker.kill_tree(signal.SIGTERM)


def _unharmed(task: Task) -> bool:
    return (task.retry_count, task.error, task.attempts) == (0, None, [])


@pytest.mark.parametrize("terminate", [_terminate, _terminate_twice, _terminate_everything])
def test_short_work_ends_and_long_work_is_handed_back(
    formation: Formation, terminate: Callable[[Process], None]
) -> None:
    worker = formation.worker(WORKER_PROCESSES=2, DRAIN_SECONDS=1)
    short, long = (
        formation.submit("hold", path=str(formation.file("short"))),
        formation.submit("encode", path=str(formation.file("long"))),
    )
    programs = formation.until(lambda: formation.effects(long, "spawned"), "a program runs")[0]["pids"]
    formation.until_started(short)
    later = formation.submit("answer", value=1)

    terminate(worker)
    formation.until(lambda: "stopping" in worker.text, "the worker stops")
    formation.file("short").touch()
    assert formation.until_status(short, "completed").result == {"attempt": 1}
    assert worker.wait(PATIENCE) == 0
    formation.until_gone(*programs, seconds=10)
    assert [formation.task(each).status for each in (long, later)] == ["pending", "pending"]
    assert _queue(formation) == [long, later]  # at the front: it does not wait twice

    formation.worker()
    formation.file("long").touch()
    for each in (long, later):
        assert _unharmed(formation.until_status(each, "completed"))
    assert _unharmed(formation.task(short))
    assert [formation.field(each, "crashes") for each in (short, long, later)] == [None] * 3
    assert [len(formation.effects(each, "start")) for each in (short, long, later)] == [1, 2, 1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_sleeping_worker_is_gone_at_once(formation: Formation, number: int) -> None:
    worker = formation.worker(WORKER_PROCESSES=2)
    formation.until_idle(2)
    worker.kill(number)
    assert worker.wait(LONGEST_SLEEP - 1) == 0
    redis, keys = formation.broker.redis, formation.broker.keys
    assert redis.smembers(keys.workers()) == set()
    assert redis.keys(keys.worker("*")) == []


def test_a_worker_that_is_told_again_and_again_ends_in_order(formation: Formation) -> None:
    """The last signals reach it when nothing of it is left but the interpreter."""
    worker = formation.worker()
    formation.until_idle(1)
    while worker.alive:
        worker.kill(signal.SIGTERM)
    assert worker.wait(0) == 0


def test_a_signal_to_a_child_alone_replaces_it_after_its_task(formation: Formation) -> None:
    worker = formation.worker()
    go = formation.file("go")
    first, second = formation.submit("hold", path=str(go)), formation.submit("answer", value=1)
    child = formation.until_started(first)["pid"]
    send(child, signal.SIGTERM)
    send(child, signal.SIGTERM)
    assert processes.alive(child)
    go.touch()
    assert _unharmed(formation.until_status(first, "completed"))
    formation.until_status(second, "completed")
    assert formation.until_started(second)["pid"] != child
    assert len(formation.effects(first, "start")) == 1
    assert worker.alive


@pytest.mark.parametrize("step", ["claim", "finish"])
def test_a_task_that_is_granted_while_the_worker_stops_is_handed_back(formation: Formation, step: str) -> None:
    """The signal arrives while the server's answer, a task, is on its way to the child."""
    point = formation.file("point")
    worker = formation.worker(TEST_POINT=f"{step}:after:hold:{point}")
    tasks = [formation.submit("answer", value=1) for _ in range(2)]
    formation.until(point.exists, "the grant is on its way")
    granted = tasks[step == "finish"]
    assert formation.task(granted).status == "processing"
    worker.kill_tree(signal.SIGTERM)
    formation.until(lambda: "stopping" in worker.text, "the worker stops")
    formation.file("point.go").touch()
    assert worker.wait(PATIENCE) == 0
    assert formation.task(granted).status == "pending"
    formation.worker()
    assert all(_unharmed(formation.until_status(each, "completed")) for each in tasks)
    assert [len(formation.effects(each, "start")) for each in tasks] == [1, 1]


def test_a_worker_stops_although_the_server_hangs(formation: Formation) -> None:
    worker = formation.worker(DRAIN_SECONDS=1)
    formation.submit("hold", path="never")
    formation.until(lambda: formation.effects(what="start"), "a task runs")
    server = formation.broker.redis.info("server")["process_id"]
    send(server, signal.SIGSTOP)
    try:
        worker.kill_tree(signal.SIGTERM)
        worker.wait(PATIENCE)
    finally:
        send(server, signal.SIGCONT)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_daemon_stops(formation: Formation, number: signal.Signals) -> None:
    daemon = formation.daemon()
    formation.until(lambda: "daemon" in daemon.text, "the daemon is up")
    daemon.kill(number)
    assert daemon.wait(PATIENCE) == 0


def _queue(formation: Formation) -> list[str]:
    queue: list[str] = formation.broker.redis.lrange(formation.broker.keys.rq_queue("Act"), 0, -1)
    return queue


def test_two_releases_side_by_side_run_what_each_knows(formation: Formation) -> None:
    """The old workers' queue goes on around what only the new ones know, which waits for them without a retry."""
    formation.worker(WORKER_PROCESSES=2)
    formation.until_idle(2)
    newer = Broker(formation.broker.settings, {"Act": replace(TYPES["Act"], version=2, min_version=None)})
    newer.queues.declare()
    new = [newer.tasks.submit(TENANT, NewTask("Act", {"act": "answer", "args": {}}))[0].id for _ in range(20)]
    old = [formation.submit("answer", value=1) for _ in range(20)]
    for each in old:
        assert _unharmed(formation.until_status(each, "completed"))
    assert {formation.task(each).status for each in new} == {"scheduled"}
    assert formation.effects(new[0]) == []
    worker = formation.worker(TEST_VERSION=2)
    for each in new:
        assert _unharmed(formation.until_status(each, "completed"))
    assert {line["attempt"] for each in new for line in formation.effects(each, "start")} == {1}
    assert worker.alive
