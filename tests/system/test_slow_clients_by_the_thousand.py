"""Guards the gateway against a crowd that sends slowly, nothing, or without end, or does not read its answers."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.broker.worker.harness import Formation
from tests.gateway.media import MP4
from tests.servers import own_port
from tests.system.slow_clients import Crowd, p99

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]

ACME, RIVAL = "the-key-that-acme-has", "the-key-that-rival-has"
_FORM = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n' + MP4 + b"%b\r\n--x--\r\n"


def upload_slowly(port: int, seconds: float) -> bytes:
    """A kibibyte a second; the status line."""
    form = _FORM.replace(b"%b", bytes(int(seconds) * 1024))
    head = (
        f"POST /api/videos HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ACME}\r\nConnection: close\r\n"
        f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {len(form)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(head.encode())
        for start in range(0, len(form), 1024):
            connection.sendall(form[start : start + 1024])
            time.sleep(1)
        return connection.recv(100).split(b"\r\n")[0]


def test_beside_a_thousand_slow_clients_others_hardly_wait(formation: Formation) -> None:
    """For a minute; and uploads that are slow but alive lose nothing."""
    port, keys = own_port(), f"acme:{ACME},rival:{RIVAL}"
    formation.gateway(port, API_KEYS=keys)
    before = p99(port, RIVAL, 20)
    with Crowd(port, 1000, ACME)() as crowd, ThreadPoolExecutor(4) as pool:
        uploads = [pool.submit(upload_slowly, port, 60) for _ in range(4)]
        beside = p99(port, RIVAL, 60)
        assert {each.result() for each in uploads} == {b"HTTP/1.1 201 CREATED"}
    after = p99(port, RIVAL, 20)
    figures = [f"{each * 1e3:.1f} ms" for each in (before, beside, after)]
    print(f"\n  p99 before, beside {crowd.opened} connections, and after: {', '.join(figures)}")
    assert beside <= 2 * max(before, after)
