"""Connections that have been idle: a firewall may have forgotten them without a word to either side.

Short of closing each after every call there is no way to know but to ask. So whoever takes one that has been idle for
a while asks first, briefly, and connects anew without an answer; long idle ones are closed. The kernel asks as well
(TCP keepalive), so that most firewalls never forget.
"""

import socket
import time
from collections.abc import Iterable
from typing import Any

from redis.connection import Connection, ConnectionPool, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import ConnectionError, ResponseError, TimeoutError

#: Seconds without a call after which a connection is asked before it is used, and how long it may take to answer.
ASK_AFTER, PATIENCE = 0.25, 1.0
#: Seconds without a call after which a connection is closed.
CLOSE_AFTER = 30.0
#: Seconds until the kernel asks on a silent connection, between its questions, and how many may stay without an answer.
#: The names are Linux' and most others'; a system without one uses its own.
_KEEPALIVE = {"TCP_KEEPIDLE": 20, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
KEEPALIVE = {getattr(socket, name): value for name, value in _KEEPALIVE.items() if hasattr(socket, name)}


class _Asked:
    """Mixed into redis-py's connections, which know since when they are idle by ``next_health_check``."""

    def on_connect_check_health(self: Any, check_health: bool = True) -> None:
        """A connection that is just being made has not been idle."""
        super().on_connect_check_health(check_health=False)  # type: ignore[misc]

    def check_health(self: Any) -> None:
        """Before each command: whoever has been idle is asked, and connects anew without an answer."""
        if time.monotonic() <= self.next_health_check or self._sock is None:
            return
        try:
            self.send_command("PING", check_health=False)
            self.read_response(timeout=PATIENCE)
        except (ConnectionError, TimeoutError):
            self.disconnect()
            self.connect()
        except ResponseError:
            pass  # somebody is there: a server that cannot write to its disk refuses even this, and is read from


class AskedTcp(_Asked, Connection):
    pass


class AskedTls(_Asked, SSLConnection):
    pass


class _AskedUnix(_Asked, UnixDomainSocketConnection):
    pass


#: redis-py's class -> ours.
_ASKED: dict[type, type] = {Connection: AskedTcp, SSLConnection: AskedTls, UnixDomainSocketConnection: _AskedUnix}


class Pool(ConnectionPool):
    """redis-py's, whose connections are asked after they were idle, and closed when they stay so."""

    def __init__(self, connection_class: Any = Connection, **options: Any) -> None:
        options["health_check_interval"] = ASK_AFTER  # whatever a URL says: it is how idle ones are found
        if connection_class is not UnixDomainSocketConnection:
            options |= {"socket_keepalive": True, "socket_keepalive_options": KEEPALIVE}
        asked = _ASKED.get(connection_class, connection_class)
        super().__init__(asked, **options)

    def close_idle(self) -> None:
        """Closes what nobody has used for a while; whoever takes one of them connects it again."""
        before = time.monotonic() - CLOSE_AFTER + ASK_AFTER
        with self._lock:
            _close(each for each in self._available_connections if each.next_health_check < before)


def _close(connections: Iterable[Any]) -> None:
    for each in connections:
        each.disconnect()
