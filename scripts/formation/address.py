"""Where a server of the formation listens, and how it is reached from this machine."""

import socket
from dataclasses import dataclass

from broker.environment.addresses import in_url, is_nowhere
from broker.environment.reading import BadSettings

#: Addresses that mean every interface, and the loopback address among them.
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_LAST_PORT = 65535


class PortTaken(Exception):
    """The message says why, and what to do."""


@dataclass(frozen=True)
class Address:
    """A host, without brackets, a port, and the path (``SCRIPT_NAME``) below which everything lies."""

    host: str
    port: int
    path: str = ""
    #: What the names of its variables begin with.
    prefix: str = ""

    @property
    def url(self) -> str:
        return f"http://{self.netloc}{self.path}"

    @property
    def netloc(self) -> str:
        """Host and port as this machine reaches them."""
        return f"{in_url(_EVERYWHERE.get(self.host, self.host))}:{self.port}"

    def check_free(self) -> None:
        """Raises ``PortTaken`` unless this process could listen there, ``BadSettings`` where nothing ever could."""
        try:
            family, kind, _, _, address = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
        except (OSError, UnicodeError) as error:  # the latter of a name that is none: a..b
            reason = getattr(error, "strerror", None) or str(error)
            if isinstance(error, UnicodeError) or is_nowhere(error):
                where = f"{self.prefix}HOST={self.host!r}, {self.prefix}PORT={self.port}"
                raise BadSettings([f"{where}: nothing can listen there ({reason})"]) from error
            another = self.port + 1 if self.port < _LAST_PORT else self.port - 1
            advice = f"Choose another: make run {self.prefix}PORT={another}"
            raise PortTaken(f"Port {self.port} on {self.host} cannot be used ({reason}). {advice}") from error
