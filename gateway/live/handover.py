"""What the server that the Procfile names offers beside WSGI, in the environment of a request."""

import socket
from collections.abc import Callable
from typing import Any

from broker.errors import Unavailable

#: Takes no argument and returns the client's connection, which the server then leaves alone. Everything that was sent
#: to it before has been sent.
DETACH = "mindia_tasks.detach"
#: Takes no argument, before the answer begins: its head says that the connection ends with it (``Connection: close``).
CLOSE = "mindia_tasks.close"
#: Takes what is to be called, once and soon, when the client hangs up.
HANG_UP = "mindia_tasks.hang_up"


def require_socket(environ: dict[str, Any]) -> None:
    """Raises ``Unavailable`` under a server whose connections cannot be taken over."""
    if DETACH not in environ:
        raise Unavailable("This server cannot hold event streams; start the one that the Procfile names.")


def announce_end(environ: dict[str, Any]) -> None:
    """Has the client told that nothing follows this answer, or it would send its next request into the void."""
    if CLOSE in environ:
        environ[CLOSE]()


def take_over(environ: dict[str, Any]) -> socket.socket:
    """The client's connection, ours from now on: a listener holds none of the server's threads and places."""
    sock: socket.socket = environ[DETACH]()
    return sock


def on_hang_up(environ: dict[str, Any], act: Callable[[], None]) -> None:
    """Has it done when the client hangs up, if the server tells that."""
    if HANG_UP in environ:
        environ[HANG_UP](act)
