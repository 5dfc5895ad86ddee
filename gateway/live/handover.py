"""Takes a connection out of gunicorn's hands, so that a listener holds none of its threads and none of its places.

gunicorn puts the socket into the WSGI environment as ``gunicorn.socket``. Under its descriptor goes one end of a pair
whose other end is closed: what gunicorn still writes goes nowhere, and it closes what it takes for the connection.
"""

import os
import socket
from typing import Any

from broker.errors import Unavailable

_SOCKET = "gunicorn.socket"


def require_socket(environ: dict[str, Any]) -> None:
    """Raises ``Unavailable`` under a server whose connections cannot be taken over: another one, or one with TLS."""
    if type(environ.get(_SOCKET)) is not socket.socket:
        raise Unavailable("This server cannot hold event streams; start the one that the Procfile names.")


def take_over(environ: dict[str, Any]) -> socket.socket:
    """The client's connection, ours from now on."""
    sock: socket.socket = environ[_SOCKET]
    ours = sock.dup()
    left, right = socket.socketpair()
    with left, right:
        os.dup2(left.fileno(), sock.fileno(), inheritable=False)
    return ours
