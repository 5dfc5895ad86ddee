"""The gateway behind the server that the Procfile names: what only a real connection and real signals can show."""

import json
import os
import re
import select
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path

import pytest
import requests
from redis import Redis

from broker.engine.keys import Keys
from scripts.web_server import graceful_timeout
from tests.gateway.conftest import NEW_TASK
from tests.gateway.media import MP4
from tests.gateway.served import ACME_KEY, KEY, PATIENCE, Server
from tests.servers import own_port, own_server
from tests.waiting import wait_until


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
        f"POST /api/videos HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {ACME_KEY}\r\nConnection: close\r\n"
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


def test_a_worker_may_be_told_to_stop_again_at_any_moment(gateway: Server) -> None:
    """The process group's signal and gunicorn's own reach it one after the other."""
    master = gateway.process.pid
    worker = int(Path(f"/proc/{master}/task/{master}/children").read_text())
    with suppress(ProcessLookupError):
        for _ in range(PATIENCE * 1000):  # until it is no more; faster than this, it would do nothing but hear of them
            os.kill(worker, signal.SIGTERM)
            time.sleep(0.001)
    code, log = gateway.stop()
    assert code == 0
    assert not re.search("Traceback|Error|exited with code|was sent SIG", log), log


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
            closed, _, _ = select.select([connection], [], [], 2.5)
            assert not closed
        started = time.monotonic()
        code, _ = gateway.stop()
    assert code == 0
    assert time.monotonic() - started < graceful_timeout, "a connection at rest holds no server that is told to stop"


def test_in_json_all_that_it_logs_is(environ: dict[str, str]) -> None:
    server = Server(environ | {"LOG_FORMAT": "json", "GUNICORN_CMD_ARGS": "--access-logfile -"})
    try:
        server.wait_until_ready()
    finally:
        code, log = server.stop()
    assert code == 0
    told = [json.loads(line) for line in log.splitlines()]
    assert {"gunicorn.error", "gunicorn.access"} <= {each["logger"] for each in told}
    assert any("GET /readyz" in each["message"] for each in told)


def test_without_keys_it_does_not_start(environ: dict[str, str]) -> None:
    server = Server(environ | {"API_KEYS": ""})
    _, log = server.process.communicate(timeout=PATIENCE)
    assert server.process.returncode != 0
    assert "the gateway cannot start: API_KEYS is not set" in log
    assert "Traceback" not in log


def test_one_that_started_without_redis_is_ready_soon_after_it_is_there(environ: dict[str, str]) -> None:
    """Also after Redis has lost everything, and without anybody who sends work: nobody does while it is not ready."""
    port = own_port()
    gateway = Server(environ | {"REDIS_URL": f"redis://127.0.0.1:{port}/0"})
    try:
        _until(gateway, "/livez", 200)
        assert requests.get(f"{gateway.url}/readyz", timeout=PATIENCE).status_code == 503
        with own_server(port=port), Redis(port=port) as redis:
            _until(gateway, "/readyz", 200)
            redis.flushall()
            known = Keys("rq").limits("PluginExecution")
            wait_until(lambda: redis.hexists(known, "declared"), "the types are declared again")
            _until(gateway, "/readyz", 200)
    finally:
        gateway.stop()


def _until(gateway: Server, path: str, status: int) -> None:
    def answers() -> bool:
        try:
            return requests.get(gateway.url + path, timeout=PATIENCE).status_code == status
        except (requests.ConnectionError, requests.Timeout):
            return False

    wait_until(answers, f"{path} answers {status}")


def test_where_the_application_lies_is_not_a_headers_to_say(gateway: Server) -> None:
    for name, value in (("SCRIPT_NAME", "/api"), ("SCRIPT_NAME", "//elsewhere.example"), ("PATH_INFO", "/livez")):
        answer = requests.post(
            f"{gateway.url}/api/tasks",
            json=NEW_TASK,
            headers=KEY | {name: value, "X-Forwarded-Proto": "https"},
            timeout=PATIENCE,
        )
        assert (answer.status_code, answer.headers["Location"]) == (201, f"/api/tasks/{answer.json()['id']}")
    contradictory = KEY | {"X-Forwarded-Proto": "https", "X-Forwarded-Ssl": "off"}
    assert requests.get(f"{gateway.url}/api/tasks", headers=contradictory, timeout=PATIENCE).ok


@pytest.mark.parametrize("form", ["text", "json"])
def test_all_lines_of_the_log_are_of_one_form(environ: dict[str, str], form: str) -> None:
    """gunicorn's own, and those of requests that fail: Redis is away."""
    server = Server(environ | {"REDIS_URL": "redis://127.0.0.1:1/0", "LOG_FORMAT": form})
    with socket.socket() as connection:
        wait_until(lambda: connection.connect_ex(("127.0.0.1", server.port)) == 0, "it listens")
    assert requests.get(f"{server.url}/api/tasks", headers=KEY, timeout=PATIENCE).status_code == 503
    _, log = server.stop()
    assert "Listening at" in log
    assert "GET /api/tasks: " in log
    for line in log.splitlines():
        assert isinstance(json.loads(line), dict) if form == "json" else re.match(r"(INFO|WARNING) +[\w.]+ ", line), (
            line
        )


def test_what_is_no_request_is_told_so_and_leaves_no_trace(gateway: Server) -> None:
    chunked = KEY | {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    lines = ["POST /api/tasks HTTP/1.1", "Host: x", *(f"{name}: {value}" for name, value in chunked.items()), "", ""]
    for sent in (b"GET / HTTP/1.1\r\n\r\n", "\r\n".join(lines).encode() + b"5\r\nhello0\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=PATIENCE) as connection:
            connection.sendall(sent)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert b"application/problem+json" in answer
    _, log = gateway.stop()
    assert "Traceback" not in log


@pytest.mark.parametrize("option", [["--certfile", "Procfile", "--keyfile", "Procfile"], ["--proxy-protocol"]])
def test_what_the_server_does_not_speak_is_refused_at_the_start(environ: dict[str, str], option: list[str]) -> None:
    server = Server(environ, *option)
    _, log = server.process.communicate(timeout=PATIENCE)
    assert server.process.returncode != 0
    assert "plain HTTP/1.1 alone" in log
    assert "Traceback" not in log
