"""Where the gateway of the formation listens, and how it is reached from this machine."""

import socket
from dataclasses import dataclass

from broker.settings.addresses import in_url, is_nowhere
from broker.settings.reading import BadSettings

#: Addresses that mean every interface, and the loopback address among them.
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class PortTaken(Exception):
    """The message says why, and what to do."""


@dataclass(frozen=True)
class Address:
    """A host, without brackets, a port, and the path (``SCRIPT_NAME``) below which everything lies."""

    host: str
    port: int
    path: str = ""

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
        except OSError as error:
            reason = error.strerror or str(error)
            if is_nowhere(error):
                raise BadSettings(
                    [f"HOST={self.host!r}, PORT={self.port}: nothing can listen there ({reason})"]
                ) from error
            advice = f"Choose another: make run PORT={self.port + 1}"
            raise PortTaken(f"Port {self.port} on {self.host} cannot be used ({reason}). {advice}") from error
