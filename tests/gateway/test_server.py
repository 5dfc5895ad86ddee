"""The gateway behind the server that the Procfile names: what only a real connection and real signals can show."""

import os
import select
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.gateway.media import MP4

ROOT = Path(__file__).parents[2]
KEY = {"Authorization": "Bearer acme-key"}
PATIENCE = 60


def command() -> list[str]:
    """The Procfile's web line, run by this Python on a single worker."""
    (line,) = [line for line in (ROOT / "Procfile").read_text().splitlines() if line.startswith("web:")]
    words = shlex.split(line.removeprefix("web: ").replace("${HOST:-0.0.0.0}:${PORT:-8000}", "127.0.0.1:$PORT"))
    return [sys.executable, *(word.replace("${WEB_CONCURRENCY:-2}", "1") for word in words[1:])]


class Server:
    """A running gateway."""

    def __init__(self, environ: dict[str, str]) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        argv = [word.replace("$PORT", str(self.port)) for word in command()]
        clean = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
        self.process = subprocess.Popen(
            argv, cwd=ROOT, env=clean | environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if requests.get(f"{self.url}/readyz", timeout=5).ok:
                    return
            except requests.ConnectionError:
                time.sleep(0.02)
        raise AssertionError("the gateway did not become ready")

    def stop(self) -> tuple[int, str]:
        """The exit status after SIGTERM, and what was logged."""
        self.process.terminate()
        _, log = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, log


@pytest.fixture
def environ(redis_url: str, tmp_path: Path) -> dict[str, str]:
    return {
        "REDIS_URL": redis_url,
        "API_KEYS": "acme:acme-key",
        "DATA_DIR": str(tmp_path),
        "MAX_UPLOAD_BYTES": "1000000",
    }


@pytest.fixture
def gateway(environ: dict[str, str]) -> Iterator[Server]:
    server = Server(environ)
    try:
        server.wait_until_ready()
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
        server.process.communicate()


def test_a_refusal_reaches_whoever_is_still_sending(gateway: Server) -> None:
    large = bytes(20_000_000)
    for path, headers in (("videos", {}), ("videos", KEY), ("tasks", KEY | {"Content-Type": "application/json"})):
        options = {"data": large} if path == "tasks" else {"files": {"file": ("a.mp4", large)}}
        answer = requests.post(f"{gateway.url}/api/{path}", headers=headers, timeout=PATIENCE, **options)
        assert answer.status_code == (413 if headers else 401)
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_an_upload_of_unknown_length(gateway: Server) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
    headers = KEY | {"Content-Type": "multipart/form-data; boundary=x"}
    parts = iter([head, MP4, bytes(500_000), b"\r\n--x--\r\n"])
    answer = requests.post(f"{gateway.url}/api/videos", headers=headers, data=parts, timeout=PATIENCE)
    assert (answer.status_code, answer.json()["size"]) == (201, len(MP4) + 500_000)


def test_a_request_that_is_under_way_ends_well_when_the_server_is_stopped(gateway: Server) -> None:
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n' + MP4 + b"\r\n--x--\r\n"
    head = (
        "POST /api/videos HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer acme-key\r\nConnection: close\r\n"
        f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {len(form)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=PATIENCE) as connection:
        connection.sendall(head.encode() + form[:100])
        # Whoever is answered after us proves that the server has taken our connection.
        assert requests.get(f"{gateway.url}/livez", timeout=PATIENCE).ok
        gateway.process.send_signal(signal.SIGTERM)
        connection.sendall(form[100:])
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 201 ")
    code, _ = gateway.stop()
    assert code == 0


def test_a_client_that_polls_every_two_seconds_keeps_its_connection(gateway: Server) -> None:
    """Were it closed at the very moment of the next request, that request would fail."""
    get = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=PATIENCE) as connection:
        for _ in range(2):
            connection.sendall(get)
            answer = connection.recv(65536)
            while not answer.endswith(b"}\n"):  # head and body are sent one after the other
                answer += connection.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200 ")
            closed, _, _ = select.select([connection], [], [], 3.5)
            assert not closed
        started = time.monotonic()
        code, _ = gateway.stop()
    assert code == 0
    assert time.monotonic() - started < 10, "a connection at rest holds no server that is told to stop"


def test_without_keys_it_does_not_start(environ: dict[str, str]) -> None:
    server = Server(environ | {"API_KEYS": ""})
    _, log = server.process.communicate(timeout=PATIENCE)
    assert server.process.returncode != 0
    assert "the gateway cannot start: API_KEYS is not set" in log
    assert "Traceback" not in log
