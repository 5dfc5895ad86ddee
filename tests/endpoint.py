"""An address behind which servers change: what a managed fail-over does to a name in DNS."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Endpoint:
    """Forwards connections to the server that is behind it when they are made; they stay where they are."""

    def __init__(self, port: int, lag: float = 0.0) -> None:
        """``port`` of the first server; whatever passes is ``lag`` seconds late."""
        self.target, self._lag = port, lag
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def cut(self) -> None:
        """Loses whatever is on its way, and takes no more."""
        for each in (self._listener, *self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                try:
                    server = socket.create_connection(("127.0.0.1", self.target))
                except OSError:
                    client.close()
                    continue
                self._sockets += [client, server]
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=self._forward, args=ends, daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        """A byte is late by at least the lag and at most twice as much."""
        with source, sink:  # also those that were accepted while the rest was cut
            with suppress(OSError):
                while data := source.recv(1 << 16):
                    if self._lag:
                        time.sleep(self._lag)
                    sink.sendall(data)
            for end in (source, sink):  # closing alone would not end the other direction's wait
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)


@contextmanager
def endpoint(port: int, lag: float = 0.0) -> Iterator[Endpoint]:
    """An endpoint for a while."""
    opened = Endpoint(port, lag)
    try:
        yield opened
    finally:
        opened.cut()
