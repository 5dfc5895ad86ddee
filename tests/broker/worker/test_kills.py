"""Guards what kills do: nothing is lost, work goes on within seconds, and nobody outlives his supervisor."""

import signal
import time
from collections.abc import Callable

import pytest

from broker.status import Status
from tests.broker.worker import processes
from tests.broker.worker.conftest import SHORT_LEASE
from tests.broker.worker.harness import TENANT, Formation, send


@pytest.mark.parametrize("plain", [False, True], ids=["context.popen", "subprocess"])
def test_a_killed_child_is_replaced_and_its_task_runs_again_within_a_second(formation: Formation, plain: bool) -> None:
    """One of two kills has to show it: at the other the machine may be busy with something else."""
    worker = formation.worker()
    go = formation.file("go")
    task_id = formation.submit("spawn", plain=plain, path=str(go))
    run, took = formation.until_started(task_id), []
    for kills in (1, 2):
        formation.until(lambda kills=kills: len(formation.effects(task_id, "spawned")) == kills, "programs run")
        spawned = formation.effects(task_id, "spawned")[-1]["pids"]
        formation.until(lambda: formation.field(task_id, "last_heartbeat"), "the child is a beat old")
        killed_at = time.monotonic()
        send(run["pid"], signal.SIGKILL)
        run = formation.until_started(task_id, attempt=1 + kills)
        took.append(run["at"] - killed_at)
        assert run["pid"] in worker.children
        formation.until_gone(*spawned, seconds=10)
    assert min(took) < 1
    formation.until(lambda: formation.effects(task_id, "spawned")[2:], "programs run again")
    go.touch()
    task = formation.until_status(task_id, "completed")
    assert (task.retry_count, task.error) == (0, None)
    assert [each["outcome"] for each in task.attempts] == ["lost"] * 2


def test_a_killed_worker_takes_its_processes_with_it_and_its_task_runs_again_within_ten_seconds(
    formation: Formation,
) -> None:
    """With the lease that is the default: one supervisor is killed alone, another with its whole tree."""
    formation.daemon()
    go = formation.file("go")
    alone, wholly = formation.worker(), formation.worker()
    tasks = [formation.submit("encode", path=str(go)) for _ in range(2)]
    ours = {formation.until_started(task)["pid"]: task for task in tasks}
    for task in tasks:
        formation.until(lambda task=task: formation.effects(task, "spawned"), "programs run")
    formation.worker(WORKER_PROCESSES=2)
    formation.until_idle(2)
    doomed = [pid for worker in (alone, wholly) for pid in processes.tree(worker.pid)]
    assert len(doomed) == 6 and set(ours) < set(doomed)

    killed_at = time.monotonic()
    alone.kill()
    wholly.kill_tree()
    formation.until_gone(*doomed[1:3], *doomed[4:], seconds=10)
    assert all(formation.until_started(task, attempt=2)["at"] - killed_at < 10 for task in tasks)
    go.touch()
    for task in tasks:
        assert formation.until_status(task, "completed").retry_count == 0


def test_poison_is_given_up_and_troubles_nobody_else(formation: Formation) -> None:
    formation.worker(WORKER_PROCESSES=2)
    poison = formation.submit("die", number=signal.SIGKILL)
    others = [formation.submit("answer", type=name, value=1) for name in ("Act", "Other") * 5]
    task = formation.until_status(poison, "failed")
    assert (task.error or "").startswith("The worker process running this task was ended by signal 9")
    assert "3 times in a row" in (task.error or "")
    assert (task.retry_count, len(formation.effects(poison, "start"))) == (0, 3)
    for other in others:
        task = formation.until_status(other, "completed")
        assert (task.attempts, len(formation.effects(other, "start"))) == ([], 1)


@pytest.mark.parametrize(
    ("act", "args", "told"),
    [
        ("leave", {"status": 0}, "ended with exit status 0"),
        ("leave", {"status": 3}, "ended with exit status 3"),
        ("segfault", {}, "was ended by signal 11"),
    ],
)
def test_every_way_to_die_is_told(formation: Formation, act: str, args: dict[str, int], told: str) -> None:
    formation.worker(MAX_CRASHES=1)
    task = formation.until_status(formation.submit(act, **args), "failed")
    assert told in (task.error or "")


def test_a_task_that_kills_its_worker_once_completes(formation: Formation) -> None:
    formation.worker()
    task = formation.until_status(formation.submit("die_once"), "completed")
    assert (task.result, task.retry_count, task.error) == ({"attempt": 2}, 0, None)


@pytest.mark.parametrize("finishes", [True, False], ids=["it finishes", "it is still at work"])
def test_a_worker_that_wakes_up_late_changes_nothing(formation_of: Callable[..., Formation], finishes: bool) -> None:
    """Its lease ran out while it was stopped, and another worker has completed the task."""
    formation = formation_of(LEASE_SECONDS=SHORT_LEASE)
    formation.daemon()
    sleeper = formation.worker()
    go = formation.file("go")
    task_id = formation.submit("hold", path=str(go), first_only=True)
    child = formation.until_started(task_id)["pid"]
    sleeper.kill_tree(signal.SIGSTOP)
    formation.worker()
    assert formation.until_status(task_id, "completed").result == {"attempt": 2}
    before = formation.broker.redis.hgetall(formation.broker.keys.job(task_id))

    if finishes:
        go.touch()
        send(child, signal.SIGCONT)  # alone: nobody stops it
        formation.until(lambda: formation.effects(task_id, "end")[1:], "the late run has ended")
        formation.until(lambda: "its outcome changes nothing" in sleeper.text, "the late run was refused")
        sleeper.kill(signal.SIGCONT)
    else:
        sleeper.kill_tree(signal.SIGCONT)
        formation.until_gone(child)
        formation.until(lambda: sleeper.children, "the stale child is replaced")
    assert formation.broker.redis.hgetall(formation.broker.keys.job(task_id)) == before
    assert len(formation.effects(task_id, "start")) == 2
    assert formation.broker.tasks.stats(TENANT).by_status["completed"] == 1


@pytest.mark.parametrize("act", ["spawn", "deaf"])
def test_cancelling_a_running_task_by_force_kills_its_processes(formation: Formation, act: str) -> None:
    formation.worker()
    task_id = formation.submit(act, **({"path": "never"} if act == "spawn" else {}))
    child = formation.until_started(task_id)["pid"]
    if act == "spawn":
        formation.until(lambda: formation.effects(task_id, "spawned"), "programs run")
    doomed = processes.tree(child)
    formation.broker.tasks.cancel(TENANT, task_id, force=True)
    formation.until_gone(*doomed)
    assert formation.until_status(formation.submit("answer", value=1), "completed").result == 1
    task = formation.task(task_id)
    assert (task.status, [each["outcome"] for each in task.attempts]) == ("cancelled", ["cancelled"])


@pytest.mark.parametrize(
    ("step", "when", "starts"),
    [
        ("claim", "before", 1),
        ("claim", "after", 1),
        ("finish", "before", 2),
        ("finish", "after", 1),
        ("fail", "before", 3),
        ("fail", "after", 2),
    ],
)
def test_a_child_may_die_at_any_step(formation: Formation, step: str, when: str, starts: int) -> None:
    """The work is repeated only where the child died between its effect and the word of it."""
    formation.daemon()
    worker = formation.worker(TEST_POINT=f"{step}:{when}:kill:{formation.file('point')}", WORKER_PROCESSES=2)
    task_id = formation.submit("flaky", failures=starts - 1) if step == "fail" else formation.submit("answer", value=1)
    formation.until_status(task_id, "completed")
    formation.until(lambda: "was ended by signal 9" in worker.text, "the child has died")
    formation.until_idle(2)
    assert len(formation.effects(task_id, "start")) == starts
    redis, keys = formation.broker.redis, formation.broker.keys
    assert redis.zrange(keys.registry("wip", "Act"), 0, -1) == []
    assert redis.zrange(keys.registry("finished", "Act"), 0, -1) == [task_id]
    assert formation.broker.tasks.stats(TENANT).by_status == {**dict.fromkeys(Status, 0), "completed": 1}


def test_a_child_is_replaced_after_so_many_tasks(formation: Formation) -> None:
    worker = formation.worker(CHILD_MAX_TASKS=1)
    assert len({_pid_of(formation, formation.submit("answer")) for _ in range(2)}) == 2
    assert worker.alive


def test_a_child_that_has_grown_too_large_is_replaced(formation: Formation) -> None:
    worker = formation.worker(CHILD_MAX_RSS_MIB=150)
    first = _pid_of(formation, formation.submit("swell", mib=200))
    formation.until_gone(first)
    assert _pid_of(formation, formation.submit("answer")) != first
    assert "has grown too large" in worker.text and "signal" not in worker.text


def _pid_of(formation: Formation, task_id: str) -> int:
    formation.until_status(task_id, "completed")
    pid: int = formation.effects(task_id, "start")[0]["pid"]
    return pid
