"""``waited`` of a task: null until it has started, then the seconds by reason, in the detail and in lists."""

from decimal import Decimal

from flask.testing import FlaskClient

from broker.bill.bills import REASONS
from broker.broker import Broker
from broker.clock import from_rfc3339
from broker.daemon.sample import Sample
from tests.gateway.conftest import NEW_TASK
from tests.gateway.work import start


def test_a_task_tells_for_what_it_has_waited(client: FlaskClient, broker: Broker) -> None:
    Sample(broker.redis, broker.keys).tick()
    task_id = client.post("/api/tasks", json=NEW_TASK).json["id"]
    assert client.get(f"/api/tasks/{task_id}").json["waited"] is None
    start(broker)
    task = client.get(f"/api/tasks/{task_id}").json
    (listed,) = client.get("/api/tasks").json["tasks"]
    waited = task["waited"]
    assert task["waiting"] is None
    assert listed["waited"] == waited
    assert waited["since"] == task["created_at"]
    us = from_rfc3339(task["started_at"]) - from_rfc3339(task["created_at"])
    parts = {reason: seconds for reason, seconds in waited.items() if reason not in ("since", "seconds")}
    assert Decimal(str(waited["seconds"])) * 1_000_000 == us
    assert sum(Decimal(str(each)) for each in parts.values()) * 1_000_000 == us
    assert parts.keys() == set(REASONS)
    assert {reason for reason, seconds in parts.items() if seconds} == {"no_worker"}
