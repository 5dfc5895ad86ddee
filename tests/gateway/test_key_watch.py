"""An event stream ends with its key, on whichever process it is; and every process knows at once of a key's end."""

import json
import socket
import time
from collections.abc import Iterator

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient

from broker.access.records import Credential
from broker.broker import Broker
from broker.errors import Unavailable
from gateway.current import EXTENSION, Services
from gateway.live.connection import Connection
from gateway.live.hub import Hub
from gateway.live.key_watch import EVERY, KeyWatch
from tests.gateway.conftest import NEW_TASK, ClientOf
from tests.gateway.listener import connect, listening
from tests.gateway.served import KEY, PATIENCE, Server

NEW = {"name": "x", "scopes": ["read"]}
CREDENTIAL = Credential("0" * 12, "d")


@pytest.fixture
def pair() -> Iterator[tuple[Connection, socket.socket]]:
    ours, theirs = socket.socketpair()
    theirs.settimeout(PATIENCE)
    connection = Connection(ours, chunked=False, on_close=lambda: None)
    yield connection, theirs
    connection.close()
    theirs.close()


def test_a_stream_is_ended_when_its_key_is_not_valid_any_more(pair: tuple[Connection, socket.socket]) -> None:
    connection, client = pair
    valid = {CREDENTIAL}
    hub = Hub()
    watch = KeyWatch(hub, lambda asked: valid & set(asked), every=3600)
    hub.adopt(connection)
    watch.look_after(connection, CREDENTIAL)
    watch.look()
    assert not connection.ending
    valid.clear()
    watch.look()
    assert b"event: key_ended" in client.recv(4096)
    assert client.recv(4096) == b""
    hub.stop()


def test_while_redis_is_away_no_stream_is_ended(pair: tuple[Connection, socket.socket]) -> None:
    connection, _ = pair

    def away(_: object) -> set[Credential]:
        raise Unavailable()

    watch = KeyWatch(Hub(), away, every=3600)
    watch.look_after(connection, CREDENTIAL)
    watch.look()
    assert not connection.ending


def test_all_streams_of_a_key_are_asked_for_once_and_none_that_has_ended(
    pair: tuple[Connection, socket.socket],
) -> None:
    connection, _ = pair
    asked: list[set[Credential]] = []

    def valid(credentials: object) -> set[Credential]:
        asked.append(set(credentials))  # type: ignore[call-overload]
        return {CREDENTIAL}

    watch = KeyWatch(Hub(), valid, every=3600)
    watch.look_after(connection, CREDENTIAL)
    watch.look()
    connection.gone = True
    watch.look()
    assert asked == [{CREDENTIAL}]


@pytest.mark.parametrize("path", ["/api/events", "/api/tasks/{}/events"])
def test_a_listener_is_told_why(app: Flask, client_of: ClientOf, broker: Broker, path: str) -> None:
    operator = client_of("ops")
    made = operator.post("/api/keys", json=NEW).json
    task = operator.post("/api/tasks", json=NEW_TASK)
    client: FlaskClient = app.test_client()
    with listening(client, path.format(task.json["id"]), Authorization=f"Bearer {made['key']}") as listener:
        assert listener.next()
        operator.delete(f"/api/keys/{made['id']}")
        services: Services = app.extensions[EXTENSION]
        services.key_watch.look()
        assert [each.name for each in listener.rest()] == ["key_ended"]


@pytest.fixture
def other(environ: dict[str, str]) -> Iterator[Server]:
    """A second gateway on the same Redis."""
    server = Server(environ)
    try:
        server.wait_until_ready()
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
        server.process.communicate()


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    return environ | {"SECRET_KEY": "a secret that is long enough"}


def test_every_process_knows_a_key_at_once_and_forgets_it_at_once(gateway: Server, other: Server) -> None:
    sessions = [requests.Session() for _ in range(2)]

    def ask(server: Server, key: str) -> list[int]:
        url, headers = f"{server.url}/api/me", {"Authorization": f"Bearer {key}"}
        return [each.get(url, headers=headers, timeout=PATIENCE).status_code for each in sessions]

    for _ in range(20):
        made = requests.post(f"{gateway.url}/api/keys", json=NEW, headers=KEY, timeout=PATIENCE).json()
        assert ask(other, made["key"]) == ask(gateway, made["key"]) == [200, 200]
        path = f"{gateway.url}/api/keys/{made['id']}"
        rotate = {"overlap_seconds": 0}
        new = requests.post(f"{path}/rotate", json=rotate, headers=KEY, timeout=PATIENCE).json()["key"]
        assert ask(other, made["key"]) == [401, 401]
        assert ask(other, new) == [200, 200]
        assert requests.delete(path, headers=KEY, timeout=PATIENCE).status_code == 204
        assert ask(other, new) == ask(gateway, new) == [401, 401]


def test_a_stream_on_another_process_ends_within_seconds(gateway: Server, other: Server) -> None:
    made = requests.post(f"{gateway.url}/api/keys", json=NEW, headers=KEY, timeout=PATIENCE).json()
    listener = connect(other.port, "/api/events", made["key"])
    listener.take(1)
    started = time.monotonic()
    requests.delete(f"{gateway.url}/api/keys/{made['id']}", headers=KEY, timeout=PATIENCE)
    assert [each.name for each in listener.rest()] == ["key_ended"]
    assert time.monotonic() - started < EVERY + 8
    listener.close()


def test_a_large_upload_with_a_key_of_redis_is_let_in_and_none_with_a_revoked_one(gateway: Server) -> None:
    """The server asks whose body it is before it keeps any of it."""
    content = b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isommp42" + bytes(800_000)
    scopes = {"name": "x", "scopes": ["write"]}
    made = requests.post(f"{gateway.url}/api/keys", json=scopes, headers=KEY, timeout=PATIENCE).json()
    headers = {"Authorization": f"Bearer {made['key']}"}

    def upload() -> requests.Response:
        files = {"file": ("a.mp4", content)}
        return requests.post(f"{gateway.url}/api/videos", files=files, headers=headers, timeout=PATIENCE)

    assert upload().status_code == 201
    requests.delete(f"{gateway.url}/api/keys/{made['id']}", headers=KEY, timeout=PATIENCE)
    assert json.loads(upload().text)["code"] == "unauthorized"
