"""A way to Redis that forgets its connections: what is sent on them is swallowed, and neither end is told."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Firewall:
    """Forwards to ``target`` what comes to ``port``."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._known: set[socket.socket] = set()
        self._all: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def forget(self) -> int:
        """From now on the connections that there are lead nowhere; new ones do. Returns how many it were."""
        known, self._known = self._known, set()
        return len(known) // 2

    def close(self) -> None:
        for each in (self._listener, *self._all):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                server = socket.create_connection(self._target)
                self._all += [client, server]
                self._known |= {client, server}
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=self._forward, args=ends, daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if source in self._known:
                    sink.sendall(data)
        if source in self._known:
            with suppress(OSError):
                sink.shutdown(socket.SHUT_RDWR)


@contextmanager
def firewall(target: tuple[str, int]) -> Iterator[Firewall]:
    """One that is closed at the end."""
    made = Firewall(target)
    try:
        yield made
    finally:
        made.close()
