"""Listens with many connections to one gateway and prints how late each event came: ``PORT KEY LISTENERS EVENTS``.

Times are those of one machine: an event carries the moment at which Redis wrote it.
"""

import json
import selectors
import socket
import sys
import time
from datetime import datetime
from typing import Any

_PATIENCE = 60.0


def main(port: int, key: str, listeners: int, events: int) -> None:
    watching = selectors.DefaultSelector()
    for _ in range(listeners):
        watching.register(_connect(port, key), selectors.EVENT_READ, bytearray())
    _read(watching, "snapshot", listeners)
    print("ready", flush=True)
    print(json.dumps(sorted(_read(watching, "status", listeners * events))), flush=True)


def _connect(port: int, key: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    head = f"GET /api/events HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n\r\n"
    connection.sendall(head.encode())
    return connection


def _read(watching: selectors.BaseSelector, wanted: str, number: int) -> list[float]:
    """Reads until so many events of that name came, or too long; how late each came, in ms."""
    lags: list[float] = []
    deadline = time.monotonic() + _PATIENCE
    while len(lags) < number and time.monotonic() < deadline:
        for each, _ in watching.select(1.0):
            data = each.fileobj.recv(65536)  # type: ignore[union-attr]
            at = time.time()
            found = [fields for name, fields in _events(each.data, data) if name == wanted]
            lags += [(at - _moment(fields)) * 1000 for fields in found]
    return lags


def _moment(fields: dict[str, Any]) -> float:
    return datetime.fromisoformat(fields["at"]).timestamp() if "at" in fields else 0.0


def _events(rest: bytearray, data: bytes) -> list[tuple[str, dict[str, Any]]]:
    """The events that are whole now; lines of chunk sizes are none."""
    rest += data
    whole, _, left = bytes(rest).rpartition(b"\n\n")
    rest[:] = left
    found = []
    for block in whole.split(b"\n\n"):
        lines = dict(line.split(b": ", 1) for line in block.split(b"\n") if b": " in line)
        if b"data" in lines:
            found.append((lines[b"event"].decode(), json.loads(lines[b"data"])))
    return found


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
