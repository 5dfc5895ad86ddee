"""``deadline`` over HTTP: with a task, a batch, an upload, a plugin; refused, shown, and why it waits until then."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from broker.broker import Broker
from broker.clock import from_rfc3339, to_rfc3339
from tests.gateway.conftest import NEW_TASK
from tests.gateway.media import MP4, upload
from tests.gateway.problem import pointers, problem
from tests.gateway.work import start

EVERYTHING = "EmbeddingGeneration,PluginExecution,VideoTranscoding"


def within(seconds: float) -> str:
    return to_rfc3339(from_rfc3339((datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()))


@pytest.fixture
def busy(client: FlaskClient, broker: Broker) -> None:
    """Thirty videos, and a worker."""
    client.post("/api/tasks/batch", json={"tasks": [NEW_TASK] * 30})
    broker.transitions.register_worker("w1", ttl=30, queues=EVERYTHING, fields={"pid": 1})
    broker.forecasts.__dict__["_made"] = None


def test_it_is_shown_and_why_the_task_waits_until_then(client: FlaskClient, busy: None) -> None:
    deadline = within(9000)
    made = client.post("/api/tasks", json=NEW_TASK | {"deadline": deadline}).json
    assert made["deadline"] == deadline
    assert client.get("/api/tasks").json["tasks"][0]["deadline"] == deadline
    waiting = client.get(f"/api/tasks/{made['id']}").json["waiting"]
    assert (waiting["reason"], waiting["until"]) == ("workers_busy", deadline)
    assert waiting["detail"].endswith(f" It is cancelled if it has not started by {deadline}.")
    assert client.post("/api/tasks", json=NEW_TASK).json["deadline"] is None


def test_the_moment_at_which_it_is_due_comes_first(client: FlaskClient) -> None:
    made = client.post("/api/tasks", json=NEW_TASK | {"deadline": within(900), "delay_seconds": 60}).json
    assert client.get(f"/api/tasks/{made['id']}").json["waiting"]["until"] == made["scheduled_at"]


def test_what_cannot_start_in_time_is_refused_at_once(client: FlaskClient, busy: None) -> None:
    told = problem(client.post("/api/tasks", json=NEW_TASK | {"deadline": within(20)}), 409, "deadline_impossible")
    assert told["earliest_start"] > within(120)
    assert told["earliest_start"] in told["detail"]
    batch = {"tasks": [NEW_TASK, NEW_TASK | {"deadline": within(20)}]}
    told = problem(client.post("/api/tasks/batch", json=batch), 409, "deadline_impossible")
    assert [each["pointer"] for each in told["errors"]] == ["#/tasks/1/deadline"]
    assert client.get("/api/tasks").json["total"] == 30


def send(client: FlaskClient, deadline: str) -> TestResponse:
    return client.post("/api/videos", data={"file": (io.BytesIO(MP4), "a.mp4"), "deadline": deadline})


def test_an_upload_that_could_not_be_processed_in_time_leaves_nothing(
    client: FlaskClient, broker: Broker, busy: None
) -> None:
    problem(send(client, within(20)), 409, "deadline_impossible")
    assert client.get("/api/videos").json["total"] == 0
    assert list(broker.storage.keys("acme/")) == []
    video = send(client, deadline := within(9000)).json
    assert client.get(f"/api/tasks/{video['task_id']}").json["deadline"] == deadline


def test_a_plugin_run_may_have_one(client: FlaskClient) -> None:
    media_id = upload(client, "/api/videos", MP4).json["id"]
    path, deadline = "/api/plugins/checksum/execute", within(900)
    assert client.post(path, json={"media_id": media_id, "deadline": deadline}).json["deadline"] == deadline
    assert pointers(client.post(path, json={"media_id": media_id, "deadline": within(-1)})) == {"#/deadline"}


@pytest.mark.parametrize(
    "deadline",
    [
        *("tomorrow", 4070908800, "9999-12-31T23:59:59Z", "2020-01-01T00:00:00Z", None),
        *("1970-01-01", "1969-12-31", "0001-01-01T00:00:00+23:59"),
    ],
)
def test_what_is_no_moment_to_come_is_refused(client: FlaskClient, deadline: Any) -> None:
    assert pointers(client.post("/api/tasks", json=NEW_TASK | {"deadline": deadline})) == {"#/deadline"}
    batch = {"tasks": [NEW_TASK, NEW_TASK | {"deadline": deadline}]}
    assert pointers(client.post("/api/tasks/batch", json=batch)) == {"#/tasks/1/deadline"}
    assert client.get("/api/tasks").json["total"] == 0


def test_a_repeated_request_is_answered_as_the_first(client: FlaskClient, broker: Broker) -> None:
    body, key = NEW_TASK | {"deadline": within(900)}, {"Idempotency-Key": "k"}
    first = client.post("/api/tasks", json=body, headers=key)
    broker.transitions.register_worker("w1", ttl=30, queues=EVERYTHING, fields={"pid": 1})
    client.post("/api/tasks/batch", json={"tasks": [NEW_TASK] * 100})
    broker.forecasts.__dict__["_made"] = None
    again = client.post("/api/tasks", json=body, headers=key)
    assert (again.status_code, again.json) == (first.status_code, first.json)


@pytest.mark.parametrize("waits", [{}, {"delay_seconds": 60}])
def test_a_task_is_not_put_off_until_its_deadline(client: FlaskClient, waits: dict[str, Any]) -> None:
    deadline = within(900)
    made = client.post("/api/tasks", json=NEW_TASK | waits | {"deadline": deadline}).json
    path = f"/api/tasks/{made['id']}"
    before = client.get(path).json
    for late in (deadline, within(901), "2100-01-01T00:00:00Z"):
        refused = problem(
            client.patch(path, json={"scheduled_at": late, "priority": 3, "tags": ["x"]}), 422, "invalid_content"
        )
        assert [each["pointer"] for each in refused["errors"]] == ["#/scheduled_at"]
        assert deadline in refused["errors"][0]["detail"]
    assert pointers(client.patch(path, json={"delay_seconds": 901})) == {"#/delay_seconds"}
    after = client.get(path).json
    told = ("status", "scheduled_at", "priority", "tags", "deadline")
    assert [after[name] for name in told] == [before[name] for name in told]
    just = to_rfc3339(from_rfc3339(deadline) - 1)
    assert client.patch(path, json={"scheduled_at": just, "priority": 3}).json["scheduled_at"] == just


def test_a_task_that_has_run_may_be_put_off_further(client: FlaskClient, broker: Broker) -> None:
    made = client.post("/api/tasks", json=NEW_TASK | {"deadline": within(900)}).json
    path = f"/api/tasks/{made['id']}"
    claimed, claim = start(broker)
    broker.transitions.fail(claimed.id, claim.execution, "no route", "", 60_000_000, claim._replace(execution=""))
    assert client.patch(path, json={"delay_seconds": 1800}).json["status"] == "scheduled"
