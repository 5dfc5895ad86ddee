"""What was accepted and is not confirmed in time is said to be there, and whoever repeats finds it."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from broker.broker import Broker
from broker.tasks.durability import Durability
from tests.gateway.conftest import NEW_TASK
from tests.gateway.media import MP4, upload
from tests.gateway.problem import problem


@pytest.fixture
def slow(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """Whether the server confirms, question by question: each submission asks whether it can, then whether it did."""
    answers: list[bool] = []
    monkeypatch.setattr(Durability, "_wait", lambda *_: "" if answers.pop(0) else "it does not follow")
    monkeypatch.setattr(broker.tasks, "durability", Durability(broker.redis, broker.keys, "replicas:1"))
    yield answers
    assert answers == []


def test_its_id_is_told_and_a_repetition_finds_it(client: FlaskClient, slow: list[bool]) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    slow += [True, False]
    body = problem(client.post("/api/tasks", json=NEW_TASK, headers=key), 503, "not_confirmed")
    (task_id,) = body["task_ids"]
    assert client.get(f"/api/tasks/{task_id}").status_code == 200
    slow += [True, True]
    repeated = client.post("/api/tasks", json=NEW_TASK, headers=key)
    assert (repeated.status_code, repeated.json["id"]) == (201, task_id)
    assert client.get("/api/tasks").json["total"] == 1


def test_an_upload_keeps_its_file(client: FlaskClient, broker: Broker, slow: list[bool]) -> None:
    slow += [True, False]
    problem(upload(client, "/api/videos", MP4), 503, "not_confirmed")
    (video,) = broker.media.page("acme", "video", 10, 0)[0]
    with broker.storage.open(video.source_key) as stored:
        assert stored.read() == MP4


def test_where_it_could_not_be_confirmed_nothing_is_accepted(client: FlaskClient, slow: list[bool]) -> None:
    slow += [False]
    body = problem(client.post("/api/tasks", json=NEW_TASK), 503, "unavailable")
    assert "this request changed nothing" in body["detail"]
    assert client.get("/api/tasks").json["total"] == 0
