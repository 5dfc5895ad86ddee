"""The server's loop in this process, with an application and limits of a test's own."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from gunicorn.config import Config

from gateway.server.limits import Limits
from gateway.server.loop import Loop
from gateway.server.site import Site
from gateway.server.threads import Threads
from tests.waiting import PATIENCE


@contextmanager
def serving(application: Any, limits: Limits | None = None, *, threads: int = 4, **site: Any) -> Iterator["Served"]:
    """Serves until the block ends."""
    with ExitStack() as stack, socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        pool = Threads(threads)
        loop = Loop(Site(new_config(), application, limits=limits or Limits(), **site), [listener], pool.submit)
        thread = threading.Thread(target=loop.run, args=(lambda: True,))
        thread.start()
        try:
            yield Served(listener.getsockname()[1], loop, stack)
        finally:
            stack.close()
            loop.stop()
            thread.join(PATIENCE)
            loop.finish(PATIENCE, 0.0, lambda: True)
            loop.close()
            pool.stop()


def new_config() -> Config:
    """gunicorn's settings, with the Procfile's time between two requests."""
    config = Config()
    config.set("keepalive", 75)
    return config


class Served:
    """Where it is served."""

    def __init__(self, port: int, loop: Loop, stack: ExitStack) -> None:
        self.port, self.loop = port, loop
        self._stack = stack

    def connect(self) -> socket.socket:
        """A connection that is closed at the end, if not before."""
        return self._stack.enter_context(socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE))

    def ask(self, request: bytes) -> bytes:
        """All that is answered, up to the connection's end."""
        with self.connect() as connection:
            connection.sendall(request)
            return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    """Up to the end."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


def echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Answers what it was sent."""
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
