"""A client of an event stream, on a connection of its own: a real server's, or one end of a pair given to the app."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient

from gateway.live.handover import DETACH
from tests.waiting import PATIENCE


@dataclass(frozen=True)
class Told:
    """One event as it was read."""

    name: str
    data: dict[str, Any]
    id: str = ""

    @property
    def word(self) -> str:
        """The status it tells, else its name."""
        return str(self.data["status"]) if self.name == "status" else self.name


class Listener:
    """Reads a body that ends with its connection (HTTP/1.0 has no chunks)."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        self.connection = connection
        self.lines = connection.makefile("rb")
        self.last_id = ""

    def next(self) -> Told | None:
        """The next event; ``None`` at the end of the stream."""
        fields: dict[str, str] = {}
        for line in self.lines:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name:
                fields[name] = value
            elif "data" in fields:
                self.last_id = fields.get("id", self.last_id)
                return Told(fields["event"], json.loads(fields["data"]), fields.get("id", ""))
            else:
                fields = {}
        return None

    def take(self, number: int) -> list[Told]:
        """So many events, which there must be."""
        found = [self.next() for _ in range(number)]
        assert None not in found, found
        return [each for each in found if each]

    def rest(self) -> list[Told]:
        """All up to the end of the stream."""
        return list(iter(self.next, None))

    def close(self) -> None:
        self.lines.close()
        self.connection.close()


@contextmanager
def listening(client: FlaskClient, path: str, **headers: str) -> Iterator[Listener]:
    """On the application itself, which is given a connection as the server gives one."""
    theirs, ours = socket.socketpair()
    listener = Listener(ours)
    with theirs:
        environ = {DETACH: theirs.dup, "SERVER_PROTOCOL": "HTTP/1.0"}
        response = client.get(path, headers=headers, environ_overrides=environ)
        assert response.status_code == 200, response.text
        assert response.text.startswith("retry: ")
    try:
        yield listener
    finally:
        listener.close()


def connect(port: int, path: str, key: str, **headers: str) -> Listener:
    """On a running gateway; the head must be that of a stream."""
    listener = Listener(socket.create_connection(("127.0.0.1", port)))
    lines = [f"GET {path} HTTP/1.0", f"Authorization: Bearer {key}", *(f"{k}: {v}" for k, v in headers.items())]
    listener.connection.sendall("\r\n".join([*lines, "", ""]).encode())
    assert listener.lines.readline().split()[1] == b"200"
    while listener.lines.readline().strip():
        pass
    return listener
