"""The server that is written to, where Sentinels say which that is at the moment."""

from typing import Any

from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection
from redis.exceptions import ConnectionError
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError, Sentinel

from broker.engine.idle import AskedTcp, AskedTls, Pool
from broker.environment.sentinels import Sentinels

#: Seconds for one Sentinel's answer, after which the next is asked; who has answered is the first from then on.
_PATIENCE = 1.0
_SILENT = "no Sentinel answers: wrong addresses, a firewall, or a password that they ask for (sentinel_password=)"
_UNKNOWN = (
    "no Sentinel that answers names a main server of {!r}: the service has another name, or its main server is gone "
    "and no replica has taken over yet"
)


class NoMainServer(ConnectionError):
    """Nobody knows it at the moment; the message says who was asked."""


class SentinelPool(Pool):
    """Connections that ask for the address each time when they are made."""

    def __init__(self, connection_class: Any = Connection, *, found_by: Sentinels, **options: Any) -> None:
        limit = min(_PATIENCE, options.get("socket_timeout") or _PATIENCE)
        limits = {"socket_timeout": limit, "socket_connect_timeout": limit}
        once = {"retry": Retry(NoBackoff(), 0), "decode_responses": True}  # it is the connection that is tried again
        asked = Sentinel(found_by.hosts, sentinel_kwargs={**once, **limits, **found_by.options})
        tls = issubclass(connection_class, SSLConnection)
        super().__init__(_FoundTls if tls else _Found, sentinel=asked, service=found_by.service, **options)


class _Asking:
    """Mixed into a connection: it finds out where to connect to."""

    def __init__(self, *, sentinel: Sentinel, service: str, **options: Any) -> None:
        self._sentinel, self._service = sentinel, service
        super().__init__(**options)

    def _connect(self: Any) -> Any:
        try:
            self.host, self.port = self._sentinel.discover_master(self._service)
        except MasterNotFoundError as error:
            # It has an entry for each that does not answer.
            silent = str(error).count(")> - ") >= len(self._sentinel.sentinels)
            raise NoMainServer(_SILENT if silent else _UNKNOWN.format(self._service)) from None
        finally:
            self._sentinel.close()  # they are asked again when there is another to find, if ever
        return super()._connect()  # type: ignore[misc]


class _Found(_Asking, AskedTcp):
    pass


class _FoundTls(_Asking, AskedTls):
    pass
