"""GET /api/events and /api/tasks/{id}/events: what a listener is told, in which order, and what it can come back to."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from broker.broker import Broker
from gateway.current import EXTENSION
from gateway.live.handover import DETACH
from gateway.live.hub import Hub
from tests.gateway.conftest import NEW_TASK, ClientOf
from tests.gateway.listener import listening
from tests.gateway.problem import problem
from tests.gateway.work import complete, fail, start
from tests.waiting import wait_until

EVERYTHING = "/api/events"


@pytest.fixture(autouse=True)
def nobody_is_left(app: Flask, broker: Broker) -> Iterator[None]:
    """Whoever goes away leaves nothing behind."""
    yield
    hub = app.extensions[EXTENSION].hub
    wait_until(lambda: hub.count() == broker.live.count() == 0, "all listeners have gone", 5)


@pytest.fixture
def unused() -> Iterator[socket.socket]:
    """What a server gives for an answer that turns out to be no stream."""
    with socket.socket() as sock:
        yield sock


def new_task(client: FlaskClient) -> str:
    return str(client.post("/api/tasks", json=NEW_TASK).json["id"])


def events_of(task_id: str) -> str:
    return f"/api/tasks/{task_id}/events"


def test_a_task_from_its_state_to_its_end(client: FlaskClient, broker: Broker) -> None:
    task_id = new_task(client)
    with listening(client, events_of(task_id)) as listener:
        (snapshot,) = listener.take(1)
        assert (snapshot.name, snapshot.data["status"], snapshot.data["task_id"]) == ("snapshot", "pending", task_id)
        assert "payload" not in snapshot.data
        claimed, claim = start(broker)
        beat = ("tester", claimed.id, claim.execution, '{"percent":40,"stage":"half"}')
        broker.transitions.renew([beat], lease_us=60_000_000, worker_ttl=30)
        broker.transitions.finish(claimed.id, claim.execution, "{}", claim._replace(execution=""))
        told = listener.rest()
    assert [each.word for each in told] == ["processing", "progress", "completed"]
    assert told[1].data["percent"] == 40
    assert [each.data["task_id"] for each in told] == [task_id] * 3


def test_the_head_of_a_stream(client: FlaskClient, unused: socket.socket) -> None:
    answer = client.head(EVERYTHING, environ_overrides={DETACH: unused.dup})
    answer.close()
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Accel-Buffering"] == "no"


def test_a_task_that_has_ended_tells_its_end_and_browsers_stop(
    client: FlaskClient, broker: Broker, unused: socket.socket
) -> None:
    task_id = new_task(client)
    fail(broker, "it broke")
    with listening(client, events_of(task_id)) as listener:
        snapshot, end = listener.rest()
    assert (snapshot.name, end.word, end.data["error"]) == ("snapshot", "failed", "it broke")
    again = client.get(
        events_of(task_id),
        headers={"Last-Event-ID": end.id},
        environ_overrides={DETACH: unused.dup},
    )
    assert again.status_code == 204


def test_nothing_is_missed_between_two_connections(client: FlaskClient, broker: Broker) -> None:
    task_id = new_task(client)
    with listening(client, events_of(task_id)) as listener:
        listener.take(1)
    other = new_task(client)
    complete(broker)
    with listening(client, events_of(task_id), **{"Last-Event-ID": listener.last_id}) as listener:
        assert [each.word for each in listener.rest()] == ["processing", "completed"]
    with listening(client, EVERYTHING, **{"Last-Event-ID": listener.last_id}) as listener:
        complete(broker)
        assert [each.data["task_id"] for each in listener.take(2)] == [other, other]


def test_a_retry_in_between_goes_on(client: FlaskClient, broker: Broker) -> None:
    task_id = new_task(client)
    with listening(client, events_of(task_id)) as listener:
        listener.take(1)
    fail(broker)
    broker.tasks.retry("acme", task_id)
    with listening(client, events_of(task_id), **{"Last-Event-ID": listener.last_id}) as listener:
        assert [each.word for each in listener.take(3)] == ["processing", "failed", "scheduled"]
        broker.tasks.cancel("acme", task_id)
        assert [each.word for each in listener.rest()] == ["cancelled"]


@pytest.mark.parametrize("last_id", ["1-1", "999999999999999-0"])
def test_who_comes_back_too_late_is_told(client: FlaskClient, last_id: str) -> None:
    task_id = new_task(client)
    with listening(client, events_of(task_id), **{"Last-Event-ID": last_id}) as listener:
        assert [each.name for each in listener.take(2)] == ["reset", "snapshot"]
    with listening(client, EVERYTHING, **{"Last-Event-ID": last_id}) as listener:
        reset, snapshot = listener.take(2)
        assert (reset.name, snapshot.data["by_status"]["pending"]) == ("reset", 1)


def test_who_missed_what_was_trimmed_is_told(client: FlaskClient, broker: Broker) -> None:
    with listening(client, EVERYTHING) as listener:
        listener.take(1)
    for _ in range(3):
        new_task(client)
    with listening(client, EVERYTHING, **{"Last-Event-ID": listener.last_id}) as again:
        assert [each.word for each in again.take(3)] == ["pending"] * 3
    broker.redis.xtrim(broker.keys.events("acme"), maxlen=2, approximate=False)
    with listening(client, EVERYTHING, **{"Last-Event-ID": listener.last_id}) as again:
        assert [each.name for each in again.take(2)] == ["reset", "snapshot"]


@pytest.mark.parametrize("last_id", ["x", "1", "1-", "-1", "1-1 ", "1-1-1", "٣-٣", "9" * 40 + "-1"])
def test_garbage_is_no_place_in_a_stream(client: FlaskClient, last_id: str) -> None:
    answer = client.get(EVERYTHING, environ_overrides={"HTTP_LAST_EVENT_ID": last_id.encode().decode("latin-1")})
    errors = problem(answer, 422, "invalid_content")["errors"]
    assert errors[0]["pointer"] == "Last-Event-ID"


def test_other_tenants_are_neither_seen_nor_heard(client_of: ClientOf) -> None:
    acme, rival = client_of("acme"), client_of("rival")
    task_id = new_task(rival)
    for path in (events_of(task_id), f"/api/tasks/{task_id}?wait=1"):
        problem(acme.get(path), 404, "not_found")
    with listening(acme, EVERYTHING) as listener:
        assert listener.take(1)[0].data["total"] == 0
        new_task(rival)
        mine = new_task(acme)
        assert listener.take(1)[0].data["task_id"] == mine


def test_attempts_are_told_to_whoever_watches_all(client: FlaskClient, broker: Broker) -> None:
    new_task(client)
    with listening(client, EVERYTHING) as listener:
        listener.take(1)
        claimed, claim = start(broker)
        broker.transitions.fail(claimed.id, claim.execution, "shaky", "", 1_000_000, claim._replace(execution=""))
        _, attempt, scheduled = listener.take(3)
    assert (attempt.name, attempt.data["error"]) == ("attempt", "shaky")
    assert (scheduled.word, scheduled.data["retry_count"]) == ("scheduled", 1)


def test_changed_limits_are_told_to_the_operator_alone(client_of: ClientOf) -> None:
    ops, acme = client_of("ops"), client_of("acme")
    with listening(ops, EVERYTHING) as operator, listening(acme, EVERYTHING) as other:
        operator.take(1), other.take(1)
        ops.patch("/api/queues/VideoTranscoding", json={"paused": True, "rate": 2.5})
        new_task(acme)
        (queue,) = operator.take(1)
        assert (queue.name, queue.data["paused"], queue.data["rate"]) == ("queue", True, 2.5)
        assert other.take(1)[0].word == "pending"


def test_a_deleted_task_is_gone(client: FlaskClient, broker: Broker) -> None:
    task_id = new_task(client)
    with listening(client, events_of(task_id)) as listener:
        listener.take(1)
        broker.redis.xadd(broker.keys.events("acme"), {"kind": "gone", "task": task_id, "type": "VideoTranscoding"})
        assert [each.name for each in listener.rest()] == ["gone"]


def test_beyond_the_last_place_one_is_told_when_to_come_back(
    client: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch, unused: socket.socket
) -> None:
    full = replace(app.extensions[EXTENSION], hub=Hub(most=0))
    monkeypatch.setitem(app.extensions, EXTENSION, full)
    answer = client.get(EVERYTHING, environ_overrides={DETACH: unused.dup})
    problem(answer, 503, "crowded")
    assert int(answer.headers["Retry-After"]) >= 1


def test_a_tenant_that_listens_wherever_it_can_leaves_places_to_others(
    client_of: ClientOf, app: Flask, monkeypatch: pytest.MonkeyPatch, unused: socket.socket
) -> None:
    hub = Hub(most=4)
    monkeypatch.setitem(app.extensions, EXTENSION, replace(app.extensions[EXTENSION], hub=hub))
    acme, rival = client_of("acme"), client_of("rival")
    with listening(acme, EVERYTHING) as first, listening(acme, EVERYTHING) as second:
        first.take(1), second.take(1)
        problem(acme.get(EVERYTHING, environ_overrides={DETACH: unused.dup}), 503, "crowded")
        with listening(rival, EVERYTHING) as other:
            assert other.take(1)[0].name == "snapshot"
    wait_until(lambda: hub.count() == 0, "their places are free", 5)
    with listening(acme, EVERYTHING) as again:
        again.take(1)


def test_who_is_told_of_no_task_takes_no_place(client: FlaskClient, app: Flask, unused: socket.socket) -> None:
    hub = app.extensions[EXTENSION].hub
    problem(client.get(events_of(str(uuid4())), environ_overrides={DETACH: unused.dup}), 404, "not_found")
    client.head(EVERYTHING, environ_overrides={DETACH: unused.dup}).close()
    assert hub.count() == 0


def test_a_server_whose_connections_cannot_be_taken_over_says_so(client: FlaskClient) -> None:
    assert "Procfile" in problem(client.get(EVERYTHING), 503, "unavailable")["detail"]
