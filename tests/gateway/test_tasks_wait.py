"""GET /api/tasks/{id}?wait=: an answer at the change of the status, else after the wait, and room for all others."""

import socket
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from broker.broker import Broker
from broker.errors import Crowded
from gateway.current import EXTENSION
from gateway.live.room import Room
from tests.gateway.conftest import NEW_TASK, ClientOf
from tests.gateway.problem import pointers, problem
from tests.gateway.serving import serving
from tests.gateway.work import complete, start
from tests.waiting import wait_until


def new_task(client: FlaskClient) -> str:
    return str(client.post("/api/tasks", json=NEW_TASK).json["id"])


def while_waiting(client: FlaskClient, broker: Broker, task_id: str, act: Callable[[], Any]) -> dict[str, Any]:
    """The answer to a request that waits, and is seen to, when ``act`` is done."""
    with ThreadPoolExecutor(1) as pool:
        answer: Future[Any] = pool.submit(client.get, f"/api/tasks/{task_id}?wait=25")
        wait_until(lambda: broker.live.count() == 1, "it waits")
        act()
        return dict(answer.result(10).json)


def test_it_answers_at_the_change(client: FlaskClient, broker: Broker) -> None:
    task_id = new_task(client)
    assert while_waiting(client, broker, task_id, lambda: start(broker))["status"] == "processing"
    assert while_waiting(client, broker, task_id, lambda: broker.tasks.cancel("acme", task_id, force=True))[
        "status"
    ] == ("cancelled")
    assert broker.live.count() == 0


def test_what_happens_to_others_is_no_news(client: FlaskClient, broker: Broker) -> None:
    task_id = new_task(client)

    def act() -> None:
        broker.tasks.cancel("acme", new_task(client))
        broker.tasks.cancel("acme", task_id)

    assert while_waiting(client, broker, task_id, act)["status"] == "cancelled"


def test_without_a_change_it_answers_after_the_wait(client: FlaskClient) -> None:
    task_id = new_task(client)
    assert client.get(f"/api/tasks/{task_id}?wait=1").json["status"] == "pending"


def test_a_task_that_has_ended_is_not_waited_for(client: FlaskClient, broker: Broker) -> None:
    task_id = new_task(client)
    complete(broker)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.get, f"/api/tasks/{task_id}?wait=25").result(10)
    assert answer.json["status"] == "completed"


@pytest.mark.parametrize("wait", ["0", "26", "-1", "1.5", "x", ""])
def test_other_waits_are_refused(client: FlaskClient, wait: str) -> None:
    assert pointers(client.get(f"/api/tasks/{new_task(client)}?wait={wait}")) == {"wait"}


def test_a_full_room_says_when_a_place_is_free(
    client: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Room(1)
    monkeypatch.setitem(app.extensions, EXTENSION, replace(app.extensions[EXTENSION], waiters=room))
    task_id = new_task(client)
    with room.enter("acme", 20):
        answer = client.get(f"/api/tasks/{task_id}?wait=5")
        problem(answer, 503, "crowded")
        assert 18 <= int(answer.headers["Retry-After"]) <= 20
        assert client.get(f"/api/tasks/{task_id}").status_code == 200
    assert client.get(f"/api/tasks/{task_id}?wait=1").status_code == 200


def test_the_first_who_leaves_is_whom_the_next_waits_for() -> None:
    now = [100.0]
    room = Room(2, clock=lambda: now[0])
    with room.enter("acme", 25), room.enter("rival", 9):
        now[0] += 4
        with pytest.raises(Crowded) as refused, room.enter("ops", 1):
            pass
    assert refused.value.extra["retry_after"] == 5


def test_a_tenant_that_takes_all_it_can_leaves_places_to_others(
    client_of: ClientOf, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Room(8)
    monkeypatch.setitem(app.extensions, EXTENSION, replace(app.extensions[EXTENSION], waiters=room))
    acme, rival = client_of("acme"), client_of("rival")
    mine, theirs = new_task(acme), new_task(rival)
    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(room.enter("acme", 25))
        problem(acme.get(f"/api/tasks/{mine}?wait=1"), 503, "crowded")
        assert rival.get(f"/api/tasks/{theirs}?wait=1").status_code == 200


def test_who_hangs_up_gives_its_place_back_at_once(
    client: FlaskClient, app: Flask, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Room(8)
    monkeypatch.setitem(app.extensions, EXTENSION, replace(app.extensions[EXTENSION], waiters=room))
    request = f"GET /api/tasks/{new_task(client)}?wait=25 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer acme-key\r\n\r\n"
    with serving(app) as served:
        for hang_up in (socket.socket.close, lambda waiting: waiting.shutdown(socket.SHUT_WR)):
            waiting = served.connect()
            waiting.sendall(request.encode())
            wait_until(lambda: broker.live.count() == room.count() == 1, "it waits")
            hang_up(waiting)
            wait_until(lambda: broker.live.count() == room.count() == 0, "its place is free", 5)
        assert waiting.recv(12) == b"HTTP/1.1 200", "who only sends no more is answered"
