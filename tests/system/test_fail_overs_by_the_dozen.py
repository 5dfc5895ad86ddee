"""Guards what is promised of a fail-over: with ``replicas:N`` nothing that was acknowledged is lost. What the other
settings of ``DURABILITY`` lose is counted, so that the documents can say it.
"""

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.engine.keys import Keys
from broker.errors import Unavailable
from broker.task import NewTask
from tests.broker.worker.harness import TENANT
from tests.broker.worker.task_types import TYPES
from tests.endpoint import endpoint
from tests.scale import examples
from tests.sentinels import follows, service
from tests.servers import SERVER, own_server
from tests.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]

SETTINGS = ("everysec", "fsync", "replicas:1", "fsync+replicas:1")
CLIENTS = 4
#: Seconds by which each 64 KiB of replication are late, where they are.
LAG = 0.02


class Clients:
    """Submit as fast as they are answered, and remember what was acknowledged, and when."""

    def __init__(self, settings: BrokerSettings) -> None:
        self.acknowledged: dict[str, float] = {}
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._submit, args=(settings,)) for _ in range(CLIENTS)]

    def _submit(self, settings: BrokerSettings) -> None:
        broker = Broker(settings, TYPES)
        while not self._stop.is_set():
            new = NewTask("Act", {"act": "answer", "args": {}}, id=str(uuid.uuid4()))
            try:
                broker.tasks.submit(TENANT, new)
            except Unavailable:
                time.sleep(0.02)
            else:
                self.acknowledged[new.id or ""] = time.monotonic()
        broker.redis.close()

    @contextmanager
    def busy(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join()

    def more(self, count: int) -> None:
        """Returns when so many more were acknowledged."""
        before = len(self.acknowledged)
        wait_until(lambda: len(self.acknowledged) >= before + count, "submissions are acknowledged", 60)

    def lost(self, server: Redis) -> set[str]:
        """Those that the server does not have."""
        ids = list(self.acknowledged)
        keys = Keys("rq")
        with server.pipeline(transaction=False) as reads:
            for each in ids:
                reads.exists(keys.job(each))
            return {each for each, there in zip(ids, reads.execute(), strict=True) if not there}


@pytest.mark.parametrize("durability", SETTINGS)
def test_a_main_server_that_is_killed(durability: str, tmp_path: Path) -> None:
    """Three Sentinels, a second of silence; every server is on this machine, so that nothing is on its way for long."""
    luck, lost, away, known = random.Random(16), [], [], set[str]()
    with service(tmp_path) as running:
        settings = BrokerSettings(running.url, durability=durability, data_dir=tmp_path)
        Broker.connect(settings, TYPES)
        clients = Clients(settings)
        with clients.busy():
            for _ in range(max(2, examples(1))):
                clients.more(50)
                time.sleep(luck.uniform(0, 0.3))
                killed = time.monotonic()
                dead = running.kill_main()
                main = running.until_another_is_main(dead)
                before = max(at for at in list(clients.acknowledged.values()) if at < killed + 0.1)
                missing = {each for each in clients.lost(running.clients[main]) if clients.acknowledged[each] <= before}
                lost.append(len(missing - known))
                known |= missing
                running.come_back(dead)  # before that, nothing has a replica to be on
                clients.more(1)
                away.append(min(at for at in list(clients.acknowledged.values()) if at > killed + 0.1) - killed)
        total = len(clients.acknowledged)
    spread = f"{sorted(away)[len(away) // 2]:.1f} s, longest {max(away):.1f} s"
    print(f"\n  {durability}: {len(lost)} kills, {total} acknowledged, lost {sum(lost)} {lost}; silent for {spread}")
    assert "replicas" not in durability or sum(lost) == 0


@pytest.mark.parametrize("durability", SETTINGS)
def test_a_machine_that_dies_with_what_was_on_its_way(durability: str, tmp_path: Path) -> None:
    """The replica's link takes 3 MB/s and is late; what was on its way is lost with the main server."""
    luck, lost, total = random.Random(17), [], 0
    for number in range(max(2, examples(1))):
        folder = tmp_path / str(number)
        with _late_pair(folder) as (main, kill, replica):
            settings = BrokerSettings(f"redis://127.0.0.1:{main}/0", durability=durability, data_dir=tmp_path)
            Broker.connect(replace(settings, durability="everysec"), TYPES)
            clients = Clients(settings)
            with clients.busy():
                clients.more(20)
                time.sleep(luck.uniform(0, 0.1))
                kill()
            replica.replicaof("NO", "ONE")
            lost.append(len(clients.lost(replica)))
            total += len(clients.acknowledged)
    print(f"\n  {durability}: {len(lost)} kills, {total} acknowledged, lost {sum(lost)} {lost}")
    assert bool(sum(lost)) == ("replicas" not in durability), "else this attack is too weak, or a promise broken"


@contextmanager
def _late_pair(folder: Path) -> Iterator[tuple[int, Callable[[], None], Redis]]:
    """The port of a server, what ends it with all that has left it and has not arrived, and its replica."""
    config = {**SERVER, "appendonly": "yes", "repl-diskless-sync-delay": "0"}
    main = own_server(config, folder / "main")
    second = own_server(config, folder / "replica")
    with ExitStack() as stack:
        for server in (main, second):
            server.start()
            stack.callback(server.terminate)
        link = stack.enter_context(endpoint(main.port, LAG))
        replica = stack.enter_context(Redis(port=second.port, decode_responses=True))
        with Redis(port=main.port, decode_responses=True) as first:
            replica.replicaof("127.0.0.1", link.port)
            wait_until(lambda: follows(first, 1), "the replica follows", 60)

        def kill() -> None:
            link.cut()
            main.terminate()

        yield main.port, kill, replica
