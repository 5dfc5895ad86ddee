"""X-Request-Id and W3C trace context: taken, passed on, never trusted."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from broker import trace
from broker.broker import Broker
from tests.gateway.conftest import NEW_TASK
from tests.gateway.work import start

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"


def test_a_request_has_a_name(client: FlaskClient) -> None:
    assert client.get("/api/me", headers={"X-Request-Id": "r-1"}).headers["X-Request-Id"] == "r-1"
    made = client.get("/api/me").headers["X-Request-Id"]
    assert re.fullmatch("[0-9a-f]{32}", made)
    assert client.get("/api/nothing").headers["X-Request-Id"] != made


@pytest.mark.parametrize("name", ["", "two words", "x" * 129, "caf\u00e9"])
def test_a_name_that_cannot_be_passed_on_is_replaced(client: FlaskClient, name: str) -> None:
    told = client.get("/api/me", headers={"X-Request-Id": name}).headers["X-Request-Id"]
    assert re.fullmatch("[0-9a-f]{32}", told)


def submit(client: FlaskClient, **headers: str) -> dict[str, Any]:
    answer = client.post(
        "/api/tasks", json=NEW_TASK, headers={name.replace("_", "-"): v for name, v in headers.items()}
    )
    assert answer.status_code == 201
    return dict(answer.json)


def test_a_task_keeps_what_its_request_said_and_its_run_gets_it(client: FlaskClient, broker: Broker) -> None:
    task = submit(client, X_Request_Id="r-1", traceparent=PARENT, tracestate="a=1 , b=2,")
    told = task["trace"]
    assert (told["request_id"], told["tracestate"]) == ("r-1", "a=1,b=2")
    assert told["traceparent"].startswith(f"00-{TRACE}-")
    assert SPAN not in told["traceparent"]
    assert client.get(f"/api/tasks/{task['id']}").json["trace"] == told
    claimed, _ = start(broker)
    assert trace.from_text(claimed.trace) == ("r-1", told["traceparent"], "a=1,b=2", False)
    headers = trace.from_text(claimed.trace).next_hop().headers()
    assert headers["X-Request-Id"] == "r-1"
    assert headers["traceparent"] != told["traceparent"]
    assert headers["traceparent"][:36] == told["traceparent"][:36]


def test_all_tasks_of_a_batch_do(client: FlaskClient, broker: Broker) -> None:
    first = {"tasks": [NEW_TASK, NEW_TASK]}
    linked = {"tasks": [NEW_TASK | {"flow": "f"}]}
    for body in (first, linked):
        answer = client.post("/api/tasks/batch", json=body, headers={"X-Request-Id": "r-2"})
        assert {each["trace"]["request_id"] for each in answer.json["tasks"]} == {"r-2"}
        for each in answer.json["tasks"]:
            assert client.get(f"/api/tasks/{each['id']}").json["trace"]["request_id"] == "r-2"


def test_nothing_is_stored_of_what_was_not_sent(client: FlaskClient, broker: Broker) -> None:
    task = submit(client)
    assert task["trace"] is None
    assert not broker.redis.hexists(broker.keys.job(task["id"]), "trace")
    assert client.get(f"/api/tasks/{task['id']}").json["trace"] is None


@pytest.mark.parametrize(
    "parent",
    [
        "nonsense",
        PARENT.upper(),
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"{PARENT}-more",
        f"00-{TRACE}-{SPAN}",
    ],
)
def test_a_malformed_trace_context_is_as_good_as_none(client: FlaskClient, parent: str) -> None:
    assert submit(client, traceparent=parent, tracestate="a=1")["trace"] is None


def test_a_later_version_is_read_as_far_as_it_is_known(client: FlaskClient) -> None:
    told = submit(client, traceparent=f"01-{TRACE}-{SPAN}-01-more")["trace"]
    assert told["traceparent"].startswith(f"00-{TRACE}-")
    assert told["traceparent"].endswith("-01")


@pytest.mark.parametrize(
    "state", ["A=1", "a", "a=1,b", "a=\x7f", ",".join(f"k{n}=1" for n in range(33)), "a=" + "x" * 600]
)
def test_a_malformed_state_is_left_out(client: FlaskClient, state: str) -> None:
    told = submit(client, traceparent=PARENT, tracestate=state)["trace"]
    assert told["tracestate"] is None
    assert told["traceparent"]
