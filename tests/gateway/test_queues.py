"""GET /api/queues and PATCH /api/queues/{type}: the operator sees and changes the limits, and nobody else."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from broker.broker import Broker
from tests.gateway.conftest import NEW_TASK, ClientOf
from tests.gateway.problem import pointers, problem
from tests.gateway.work import start


@pytest.fixture
def operator(client_of: ClientOf) -> FlaskClient:
    return client_of("ops")


def queue(operator: FlaskClient, name: str = "VideoTranscoding") -> dict[str, Any]:
    (found,) = [each for each in operator.get("/api/queues").json["queues"] if each["type"] == name]
    return dict(found)


def test_every_type_has_a_queue(operator: FlaskClient) -> None:
    queues = operator.get("/api/queues").json["queues"]
    assert [each["type"] for each in queues] == ["EmbeddingGeneration", "PluginExecution", "VideoTranscoding"]
    assert set(queues[0]) == {
        "type", "depth", "scheduled", "processing", "oldest_age_seconds", "rate", "burst", "tokens", "concurrency",
        "paused", "workers", "throughput", "tenant_rate", "tenant_burst", "tenant_concurrency", "group_concurrency",
        "aging_seconds",
    }  # fmt: skip


def test_a_queue_counts_the_work_of_all_tenants(operator: FlaskClient, client_of: ClientOf, broker: Broker) -> None:
    for tenant in ("acme", "rival", "acme"):
        client_of(tenant).post("/api/tasks", json=NEW_TASK)
    client_of("acme").post("/api/tasks", json=NEW_TASK | {"delay_seconds": 60})
    start(broker)
    found = queue(operator)
    assert (found["depth"], found["processing"], found["scheduled"]) == (2, 1, 1)
    assert found["oldest_age_seconds"] >= 0


@pytest.mark.parametrize(
    "change",
    [
        {"rate": 2.5, "burst": 10, "concurrency": 3, "paused": True},
        {"rate": 0.001},
        {"rate": 100_000},
        {"rate": None, "concurrency": None},
        {"burst": 1_000_000},
        {"paused": False},
    ],
)
def test_a_change_is_answered_and_stays(operator: FlaskClient, change: dict[str, Any]) -> None:
    before = queue(operator)
    response = operator.patch("/api/queues/VideoTranscoding", json=change)
    assert response.status_code == 200
    expected = before | change
    for shown in (response.json, queue(operator)):
        assert {name: shown[name] for name in ("rate", "burst", "concurrency", "paused")} == {
            name: expected[name] for name in ("rate", "burst", "concurrency", "paused")
        }


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({}, "#"),
        ({"rate": 0}, "#/rate"),
        ({"rate": -1}, "#/rate"),
        ({"rate": 100_001}, "#/rate"),
        ({"rate": 0.0015}, "#/rate"),
        ({"rate": "2"}, "#/rate"),
        ({"rate": True}, "#/rate"),
        ({"burst": 0}, "#/burst"),
        ({"burst": None}, "#/burst"),
        ({"burst": 1.5}, "#/burst"),
        ({"burst": 1_000_001}, "#/burst"),
        ({"concurrency": 0}, "#/concurrency"),
        ({"concurrency": 100_001}, "#/concurrency"),
        ({"paused": 1}, "#/paused"),
        ({"paused": "true"}, "#/paused"),
        ({"paused": None}, "#/paused"),
        ({"depth": 0}, "#/depth"),
    ],
)
def test_a_change_that_cannot_be_is_refused_whole(operator: FlaskClient, change: dict[str, Any], where: str) -> None:
    before = queue(operator)
    assert pointers(operator.patch("/api/queues/VideoTranscoding", json=change)) == {where}
    if change:
        assert pointers(operator.patch("/api/queues/VideoTranscoding", json={"burst": 7} | change)) == {where}
    after = queue(operator)
    assert {name: after[name] for name in ("rate", "burst", "concurrency", "paused")} == {
        name: before[name] for name in ("rate", "burst", "concurrency", "paused")
    }


@pytest.mark.parametrize("name", ["Nope", "videotranscoding", "VideoTranscoding:5", "*", "%00", "x" * 3000])
def test_a_type_that_is_not_there(operator: FlaskClient, name: str) -> None:
    problem(operator.patch(f"/api/queues/{name}", json={"paused": True}), 404, "not_found")


def test_others_are_told_that_it_is_not_theirs(client: FlaskClient, operator: FlaskClient) -> None:
    problem(client.get("/api/queues"), 403, "forbidden")
    for name in ("VideoTranscoding", "Nope"):
        problem(client.patch(f"/api/queues/{name}", json={"paused": True}), 403, "forbidden")
    assert queue(operator)["paused"] is False


def test_a_change_after_redis_has_lost_everything_is_made(operator: FlaskClient, broker: Broker) -> None:
    """It is never answered without having been made."""
    broker.redis.flushall()
    answer = operator.patch("/api/queues/VideoTranscoding", json={"rate": 0.5, "paused": True})
    assert (answer.status_code, answer.json["rate"], answer.json["paused"]) == (200, 0.5, True)
    assert (queue(operator)["rate"], queue(operator)["paused"]) == (0.5, True)
    broker.queues.declare()
    assert (queue(operator)["rate"], queue(operator)["paused"]) == (0.5, True)
