"""POST /api/tasks/{id}/cancel and /retry: answers to the letter of the guide, and refusals that say why."""

import pytest
from flask.testing import FlaskClient

from broker.broker import Broker
from tests.gateway.conftest import NEW_TASK, VIDEO_ID
from tests.gateway.problem import pointers, problem
from tests.gateway.work import complete, fail, start


@pytest.fixture
def task_id(client: FlaskClient) -> str:
    return str(client.post("/api/tasks", json=NEW_TASK).json["id"])


def status(client: FlaskClient, task_id: str) -> str:
    return str(client.get(f"/api/tasks/{task_id}").json["status"])


def test_cancelling_a_pending_task(client: FlaskClient, task_id: str) -> None:
    response = client.post(f"/api/tasks/{task_id}/cancel")
    assert response.status_code == 200
    assert response.json == {"id": task_id, "status": "cancelled", "message": "Task cancelled successfully"}
    task = client.get(f"/api/tasks/{task_id}").json
    assert task["status"] == "cancelled"
    assert task["completed_at"]


def test_cancelling_a_scheduled_task_twice(client: FlaskClient) -> None:
    task_id = client.post("/api/tasks", json=NEW_TASK | {"delay_seconds": 60}).json["id"]
    first, second = (client.post(f"/api/tasks/{task_id}/cancel") for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json == second.json


def test_a_processing_task_cannot_be_cancelled_unless_forced(client: FlaskClient, broker: Broker, task_id: str) -> None:
    start(broker)
    refused = problem(client.post(f"/api/tasks/{task_id}/cancel"), 409, "not_cancellable")
    assert refused["current_status"] == "processing"
    problem(client.post(f"/api/tasks/{task_id}/cancel?force=false"), 409, "not_cancellable")
    assert status(client, task_id) == "processing"
    assert client.post(f"/api/tasks/{task_id}/cancel?force=true").json["status"] == "cancelled"
    assert status(client, task_id) == "cancelled"


@pytest.mark.parametrize("force", ["", "?force=true"])
def test_an_ended_task_cannot_be_cancelled(client: FlaskClient, broker: Broker, task_id: str, force: str) -> None:
    complete(broker)
    refused = problem(client.post(f"/api/tasks/{task_id}/cancel{force}"), 409, "not_cancellable")
    assert refused["current_status"] == "completed"


def test_retrying_a_failed_task(client: FlaskClient, broker: Broker, task_id: str) -> None:
    fail(broker)
    response = client.post(f"/api/tasks/{task_id}/retry")
    assert response.status_code == 200
    assert response.json == {"id": task_id, "status": "scheduled", "message": "Task scheduled for retry"}
    task = client.get(f"/api/tasks/{task_id}").json
    assert (task["status"], task["retry_count"]) == ("scheduled", 1)
    assert task["completed_at"] is None


def test_only_failed_tasks_can_be_retried(client: FlaskClient, broker: Broker, task_id: str) -> None:
    assert problem(client.post(f"/api/tasks/{task_id}/retry"), 409, "not_failed")["current_status"] == "pending"
    complete(broker)
    assert problem(client.post(f"/api/tasks/{task_id}/retry"), 409, "not_failed")["current_status"] == "completed"


def test_used_up_retries_need_force(client: FlaskClient, broker: Broker) -> None:
    task_id = client.post("/api/tasks", json=NEW_TASK | {"max_retries": 0}).json["id"]
    fail(broker)
    refused = problem(client.post(f"/api/tasks/{task_id}/retry"), 409, "retries_exhausted")
    assert (refused["retry_count"], refused["max_retries"]) == (0, 0)
    assert client.post(f"/api/tasks/{task_id}/retry?force=true").status_code == 200
    task = client.get(f"/api/tasks/{task_id}").json
    assert (task["retry_count"], task["max_retries"]) == (1, 1)


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_a_task_that_is_not_there(client: FlaskClient, action: str) -> None:
    problem(client.post(f"/api/tasks/{VIDEO_ID}/{action}"), 404, "not_found")
    problem(client.post(f"/api/tasks/nope/{action}"), 404, "not_found")


@pytest.mark.parametrize("action", ["cancel", "retry"])
@pytest.mark.parametrize(
    "query", ["force=1", "force=", "force=True", "force=yes", "force=true&force=true", "forced=true"]
)
def test_force_is_true_or_false(client: FlaskClient, task_id: str, action: str, query: str) -> None:
    assert pointers(client.post(f"/api/tasks/{task_id}/{action}?{query}")) == {query.partition("=")[0]}
    assert status(client, task_id) == "pending"


def test_an_empty_body_may_be_sent_but_nothing_in_it(client: FlaskClient, task_id: str) -> None:
    assert pointers(client.post(f"/api/tasks/{task_id}/cancel", json={"force": True})) == {"#/force"}
    problem(
        client.post(f"/api/tasks/{task_id}/cancel", data=b"{", content_type="application/json"), 400, "invalid_json"
    )
    assert status(client, task_id) == "pending"
    assert client.post(f"/api/tasks/{task_id}/cancel", json={}).status_code == 200
