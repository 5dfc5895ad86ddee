"""GET /api/tasks/{id}?wait=: an answer at the change of the status, else after the wait, and room for all others."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from broker.broker import Broker
from broker.errors import Crowded
from gateway.current import EXTENSION
from gateway.live.room import Room
from tests.gateway.conftest import NEW_TASK
from tests.gateway.problem import pointers, problem
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
