"""GET /api/workers: the operator sees who is there and at what, and nobody else does."""

from datetime import datetime

import pytest
from flask.testing import FlaskClient

from broker.broker import Broker
from broker.engine.transitions import Claim, Wait
from tests.gateway.conftest import NEW_TASK, ClientOf
from tests.gateway.problem import problem
from tests.gateway.work import start


@pytest.fixture
def operator(client_of: ClientOf) -> FlaskClient:
    return client_of("ops")


def enlist(broker: Broker, name: str, pid: int = 7) -> None:
    fields = {"hostname": "box", "pid": pid, "successful_job_count": 3, "failed_job_count": 1}
    broker.transitions.register_worker(name, ttl=30, queues="EmbeddingGeneration,VideoTranscoding", fields=fields)


def test_a_worker_tells_what_it_runs_and_listens_to(operator: FlaskClient, client: FlaskClient, broker: Broker) -> None:
    enlist(broker, "tester")
    enlist(broker, "another", pid=8)
    task = client.post("/api/tasks", json=NEW_TASK).json
    start(broker)
    idle, busy = operator.get("/api/workers").json["workers"]
    assert (idle["name"], idle["state"], idle["task_id"], idle["task_type"]) == ("another", "idle", None, None)
    assert busy["running_since"] == client.get(f"/api/tasks/{task['id']}").json["started_at"]
    for name in ("started_at", "last_heartbeat"):
        datetime.strptime(busy.pop(name), "%Y-%m-%dT%H:%M:%S.%fZ")
    assert busy == {
        "name": "tester",
        "hostname": "box",
        "pid": 7,
        "state": "busy",
        "draining": False,
        "types": ["EmbeddingGeneration", "VideoTranscoding"],
        "task_id": task["id"],
        "task_type": "VideoTranscoding",
        "running_since": busy["running_since"],
        "completed": 3,
        "failed": 1,
    }


def test_a_run_that_was_taken_away_is_not_its_any_more(
    operator: FlaskClient, client: FlaskClient, broker: Broker
) -> None:
    enlist(broker, "tester")
    task = client.post("/api/tasks", json=NEW_TASK).json
    start(broker)
    client.post(f"/api/tasks/{task['id']}/cancel?force=true")
    (worker,) = operator.get("/api/workers").json["workers"]
    assert (worker["state"], worker["task_id"], worker["running_since"]) == ("idle", None, None)


def test_the_dead_are_not_shown(operator: FlaskClient, broker: Broker) -> None:
    enlist(broker, "tester")
    broker.redis.delete(broker.keys.worker("tester"))
    assert operator.get("/api/workers").json == {"workers": []}


def test_others_are_told_that_it_is_not_theirs(client: FlaskClient) -> None:
    problem(client.get("/api/workers"), 403, "forbidden")


class TestDrain:
    def test_it_ends_what_it_runs_and_takes_nothing_more(
        self, operator: FlaskClient, client: FlaskClient, broker: Broker
    ) -> None:
        enlist(broker, "tester")
        first, second = (client.post("/api/tasks", json=NEW_TASK).json["id"] for _ in range(2))
        claimed, claim = start(broker)
        answer = operator.post("/api/workers/tester/drain")
        assert (answer.status_code, answer.json["draining"], answer.json["task_id"]) == (200, True, first)
        assert operator.post("/api/workers/tester/drain").json == answer.json
        (entry,) = operator.get("/api/audit?action=worker.drained").json["entries"]
        assert (entry["subject"], entry["actor"]) == ("tester", "API_KEYS:1")
        then = claim._replace(execution="next")
        assert broker.transitions.finish(claimed.id, claim.execution, "{}", then) == ("completed", Wait(-1))
        assert broker.transitions.claim(then) == Wait(-1)
        (worker,) = operator.get("/api/workers").json["workers"]
        assert (worker["draining"], worker["state"]) == (True, "idle")
        assert broker.transitions.claim(Claim("another", "x", claim.group, claim.lease_us)).id == second

    def test_one_that_is_not_there(self, operator: FlaskClient) -> None:
        problem(operator.post("/api/workers/nobody/drain"), 404, "not_found")

    def test_others_are_told_that_it_is_not_theirs(self, client: FlaskClient, broker: Broker) -> None:
        enlist(broker, "tester")
        problem(client.post("/api/workers/tester/drain"), 403, "forbidden")
