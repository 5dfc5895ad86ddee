"""Live events behind the server that the Procfile names: bursts, many listeners, and the end of the server."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import requests

from broker.broker import Broker
from broker.task import NewTask
from scripts.web_server import graceful_timeout
from tests.gateway.conftest import NEW_TASK
from tests.gateway.listener import connect
from tests.gateway.served import ACME_KEY, KEY, PATIENCE, Server

EVERYTHING = "/api/events"


def submit(broker: Broker, number: int) -> list[str]:
    return [broker.tasks.submit("acme", NewTask(**NEW_TASK))[0].id for _ in range(number)]


def test_a_burst_is_read_whole_and_in_order(gateway: Server, broker: Broker) -> None:
    listener = connect(gateway.port, EVERYTHING, ACME_KEY)
    listener.take(1)
    submitted = submit(broker, 1200)
    told = listener.take(1200)
    assert [each.data["task_id"] for each in told] == submitted
    places = [tuple(map(int, each.id.split("-"))) for each in told]
    assert places == sorted(set(places))
    listener.close()


def test_chunks_for_a_client_of_today(gateway: Server, broker: Broker) -> None:
    (task_id,) = submit(broker, 1)
    url = f"{gateway.url}/api/tasks/{task_id}/events"
    with requests.get(url, headers=KEY, stream=True, timeout=PATIENCE) as answer:
        broker.tasks.cancel("acme", task_id)
        assert answer.text.count("event: ") == 2  # an end that is not marked as such would raise here
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert answer.headers["Connection"] == "close"  # else the client's next request would go the same way


def test_who_comes_back_having_missed_nothing_is_told_what_comes(gateway: Server, broker: Broker) -> None:
    """In chunks, where nothing at all would be the end."""
    listener = connect(gateway.port, EVERYTHING, ACME_KEY)
    listener.take(1)
    submit(broker, 1)
    listener.take(1)
    headers = {**KEY, "Last-Event-ID": listener.last_id}
    with requests.get(gateway.url + EVERYTHING, headers=headers, stream=True, timeout=PATIENCE) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith(b"retry: ")
        (task_id,) = submit(broker, 1)
        assert task_id in next(line for line in lines if line.startswith(b"data: ")).decode()
    listener.close()


def test_listeners_hold_no_thread(gateway: Server) -> None:
    listeners = [connect(gateway.port, EVERYTHING, ACME_KEY) for _ in range(100)]
    assert requests.get(f"{gateway.url}/api/tasks", headers=KEY, timeout=PATIENCE).ok
    for each in listeners:
        each.close()


def test_a_server_that_stops_keeps_nobody_waiting(gateway: Server, broker: Broker, environ: dict[str, str]) -> None:
    (task_id,) = submit(broker, 1)
    listeners = [connect(gateway.port, EVERYTHING, ACME_KEY) for _ in range(20)]
    for each in listeners:
        each.take(1)
    with ThreadPoolExecutor(1) as pool, socket.create_connection(("127.0.0.1", gateway.port)) as waiting:
        waiting.settimeout(PATIENCE)
        head = f"GET /api/tasks/{task_id}?wait=25 HTTP/1.0\r\nAuthorization: Bearer {ACME_KEY}\r\n\r\n"
        waiting.sendall(head.encode())
        assert requests.get(f"{gateway.url}/livez", timeout=PATIENCE).ok  # who waits was accepted before this
        started = time.monotonic()
        stopped = pool.submit(gateway.stop)
        assert {each.name for one in listeners for each in one.rest()} == {"stopped"}
        assert waiting.recv(65536).startswith(b"HTTP/1.0 200")
        code, log = stopped.result(PATIENCE)
    assert code == 0
    assert time.monotonic() - started < graceful_timeout, log
    other, *_ = submit(broker, 2)
    again = Server(environ)
    try:
        again.wait_until_ready()
        listener = connect(again.port, EVERYTHING, ACME_KEY, **{"Last-Event-ID": listeners[0].last_id})
        assert listener.take(2)[0].data["task_id"] == other
        listener.close()
    finally:
        again.stop()
    for each in listeners:
        each.close()
