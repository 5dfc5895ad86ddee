"""GET /api/tasks/{id}/logs and its stream: what handlers say, to its owner, page by page and while they say it."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from broker.broker import Broker
from broker.task_logs import Said
from gateway.current import EXTENSION
from gateway.live.handover import DETACH
from tests.gateway.conftest import NEW_TASK, ClientOf
from tests.gateway.listener import listening
from tests.gateway.problem import pointers, problem
from tests.gateway.work import complete, start
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def nobody_is_left(app: Flask, broker: Broker) -> Iterator[None]:
    """Whoever goes away leaves nothing behind."""
    yield
    counts = (app.extensions[EXTENSION].hub.count, broker.live.count, broker.log_tails.count)
    wait_until(lambda: [count() for count in counts] == [0, 0, 0], "all listeners have gone", 5)


@pytest.fixture
def task_id(client: FlaskClient) -> str:
    return str(client.post("/api/tasks", json=NEW_TASK).json["id"])


def say(broker: Broker, task_id: str, *texts: str, attempt: int = 1, first: int = 1, level: str = "info") -> None:
    lines = [
        Said(task_id, attempt, number, 1_700_000_000_000_000 + number, level, "handler", text)
        for number, text in enumerate(texts, first)
    ]
    broker.task_logs.append(broker.redis, lines)


def read(client: FlaskClient, task_id: str, **query: Any) -> dict[str, Any]:
    answer = client.get(f"/api/tasks/{task_id}/logs", query_string=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json)


def test_a_log_in_pages(client: FlaskClient, broker: Broker, task_id: str) -> None:
    assert read(client, task_id) == {"lines": [], "next": None, "removed": 0}
    say(broker, task_id, "one", "two")
    say(broker, task_id, "again", attempt=2, level="error")
    page = read(client, task_id, limit=2)
    assert [each["message"] for each in page["lines"]] == ["one", "two"]
    assert page["lines"][0] == {
        "id": "1-1",
        "attempt": 1,
        "at": "2023-11-14T22:13:20.000001Z",
        "level": "info",
        "logger": "handler",
        "message": "one",
    }
    assert page["next"] == "1-2"
    page = read(client, task_id, limit=2, after=page["next"])
    assert [(each["attempt"], each["level"], each["message"]) for each in page["lines"]] == [(2, "error", "again")]
    assert page["next"] is None
    assert [each["message"] for each in read(client, task_id, attempt=2, after="1-1")["lines"]] == ["again"]
    assert read(client, task_id, attempt=1, after="2-1")["lines"] == []
    assert read(client, task_id, attempt=3)["lines"] == []


def test_a_line_that_is_written_twice_is_there_once(client: FlaskClient, broker: Broker, task_id: str) -> None:
    """By the child and by its supervisor; an attempt that is over says nothing after the next has begun to speak."""
    say(broker, task_id, "one", "two")
    say(broker, task_id, "two", "three", first=2)
    say(broker, task_id, "of the second", attempt=2)
    say(broker, task_id, "late", first=4)
    assert [each["id"] for each in read(client, task_id)["lines"]] == ["1-1", "1-2", "1-3", "2-1"]


def test_what_is_kept_is_bounded_and_what_is_not_is_counted(client: FlaskClient, broker: Broker, task_id: str) -> None:
    for number in range(1, 1000, 100):
        say(broker, task_id, *("x" * 1000 for _ in range(100)), first=number)
    page = read(client, task_id, limit=1000)
    assert 55 <= len(page["lines"]) <= 65  # KiB
    assert page["lines"][-1]["id"] == "1-1000"
    assert page["removed"] == 1000 - len(page["lines"])
    say(broker, task_id, *("y" for _ in range(3000)), first=1001)
    assert read(client, task_id)["removed"] >= 4000 - 2000


def test_logs_are_their_tenants_own(client: FlaskClient, client_of: ClientOf, broker: Broker, task_id: str) -> None:
    say(broker, task_id, "one")
    for path in (f"/api/tasks/{task_id}/logs", f"/api/tasks/{task_id}/logs/events"):
        assert problem(socketless(client_of("rival"), path), 404, "not_found")


def socketless(client: FlaskClient, path: str) -> Any:
    return client.get(path, environ_overrides={DETACH: lambda: None})


@pytest.mark.parametrize(
    ("query", "pointer"),
    [({"after": "x"}, "after"), ({"after": "1-1-1"}, "after"), ({"attempt": 0}, "attempt"), ({"limit": 1001}, "limit")],
)
def test_what_is_no_question(client: FlaskClient, task_id: str, query: dict[str, Any], pointer: str) -> None:
    assert pointers(client.get(f"/api/tasks/{task_id}/logs", query_string=query)) == {pointer}


def test_a_log_is_followed_to_its_tasks_end(client: FlaskClient, broker: Broker, task_id: str) -> None:
    say(broker, task_id, "one")
    with listening(client, f"/api/tasks/{task_id}/logs/events") as listener:
        (first,) = listener.take(1)
        assert (first.name, first.id, first.data["message"]) == ("line", "1-1", "one")
        claimed, claim = start(broker)
        say(broker, task_id, "two", "three", first=2)
        assert [each.data["message"] for each in listener.take(2)] == ["two", "three"]
        say(broker, task_id, "last", first=4)
        broker.transitions.finish(claimed.id, claim.execution, "{}", claim._replace(execution=""))
        told = listener.rest()
    assert [(each.name, each.id) for each in told] == [("line", "1-4"), ("status", "")]
    assert (told[1].data["task_id"], told[1].data["status"]) == (task_id, "completed")


def test_who_comes_back_is_told_what_follows(client: FlaskClient, broker: Broker, task_id: str) -> None:
    say(broker, task_id, "one", "two", "three")
    path, last = f"/api/tasks/{task_id}/logs/events", {"Last-Event-ID": "1-2"}
    with listening(client, path, **last) as listener:
        assert [each.id for each in listener.take(1)] == ["1-3"]
    complete(broker)
    with listening(client, path, **last) as listener:
        assert [each.name for each in listener.rest()] == ["line", "status"]
    answer = client.get(path, headers={"Last-Event-ID": "1-3"}, environ_overrides={DETACH: lambda: None})
    assert answer.status_code == 204
    say(broker, task_id, *("x" * 1000 for _ in range(100)), first=4)
    with listening(client, path, **last) as listener:
        told = listener.rest()
    assert told[0].name == "reset"
    assert told[1].id > "1-2"


def test_deletion_takes_the_log_along(client: FlaskClient, broker: Broker, task_id: str) -> None:
    say(broker, task_id, "one")
    complete(broker)
    key = broker.keys.task_log(task_id)
    assert broker.redis.exists(key)
    assert client.delete(f"/api/tasks/{task_id}").status_code == 204
    assert not broker.redis.exists(key)
    say(broker, task_id, "from beyond")  # by a worker that did not know
    assert not broker.redis.exists(key)
