"""Guards tasks that depend on others, and flows, over HTTP: what is asked for, what is refused, what is shown."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from broker.broker import Broker
from tests.gateway.conftest import NEW_TASK, VIDEO_ID, ClientOf
from tests.gateway.problem import pointers
from tests.gateway.work import complete


def submit(client: FlaskClient, **members: Any) -> Any:
    response = client.post("/api/tasks", json=NEW_TASK | members)
    assert response.status_code == 201, response.text
    assert client.get(response.headers["Location"]).json | {"waiting": None} == response.json
    return response.json


def test_it_waits_for_what_it_depends_on(client: FlaskClient, broker: Broker) -> None:
    first = submit(client)["id"]
    second = submit(client, depends_on=[first.upper()], flow="upload-1")
    assert (second["status"], second["scheduled_at"], second["on_failure"]) == ("scheduled", None, "cancel")
    assert second["depends_on"] == second["waiting_for"] == [first]
    complete(broker)
    shown = client.get(f"/api/tasks/{second['id']}").json
    assert (shown["status"], shown["waiting_for"], shown["flow"]) == ("pending", [], "upload-1")


def test_what_has_failed_already_cancels_it(client: FlaskClient) -> None:
    first = submit(client)["id"]
    client.post(f"/api/tasks/{first}/cancel")
    second = submit(client, depends_on=[first])
    assert second["status"] == "cancelled"
    assert f"task {first} was cancelled" in second["error"]
    assert submit(client, depends_on=[first], on_failure="run")["status"] == "pending"


@pytest.mark.parametrize(
    "members, pointer",
    [
        ({"depends_on": [VIDEO_ID]}, "/depends_on/0"),
        ({"depends_on": ["{first}", "x"]}, "/depends_on/1"),
        ({"depends_on": ["{first}", "{theirs}"]}, "/depends_on/1"),
        ({"depends_on": ["{first}", "{first}"]}, "/depends_on/1"),
        ({"depends_on": []}, "/depends_on"),
        ({"depends_on": ["{first}"] * 101}, "/depends_on"),
        ({"depends_on": "{first}"}, "/depends_on"),
        ({"depends_on": [7]}, "/depends_on/0"),
        ({"depends_on": ["{first}"], "on_failure": "ignore"}, "/on_failure"),
        ({"on_failure": "run"}, "/on_failure"),
        ({"flow": ""}, "/flow"),
        ({"flow": "a/b"}, "/flow"),
        ({"flow": "a" * 65}, "/flow"),
        ({"flow": "a\n"}, "/flow"),
    ],
)
def test_what_cannot_be_is_refused_with_a_pointer(
    client: FlaskClient, client_of: ClientOf, members: dict[str, Any], pointer: str
) -> None:
    ids = {"{first}": submit(client)["id"], "{theirs}": submit(client_of("rival"))["id"]}
    named = members.get("depends_on")
    if isinstance(named, list):
        members = members | {"depends_on": [ids.get(each, each) for each in named]}
    response = client.post("/api/tasks", json=NEW_TASK | members)
    assert (response.status_code, pointers(response)) == (422, {f"#{pointer}"})
    response = client.post("/api/tasks/batch", json={"tasks": [NEW_TASK, NEW_TASK | members]})
    assert (response.status_code, pointers(response)) == (422, {f"#/tasks/1{pointer}"})
    assert client.get("/api/tasks").json["total"] == 1


def test_a_batch_names_so_many_others_together(client: FlaskClient) -> None:
    ids = [submit(client)["id"] for _ in range(91)]
    tasks = [NEW_TASK | {"depends_on": ids}] * 11
    response = client.post("/api/tasks/batch", json={"tasks": tasks})
    assert (response.status_code, pointers(response)) == (422, {"#/tasks"})
    assert client.post("/api/tasks/batch", json={"tasks": tasks[1:]}).status_code == 201


def test_a_repeated_request_finds_what_the_first_made(client: FlaskClient) -> None:
    body = NEW_TASK | {"depends_on": [submit(client)["id"]], "flow": "f"}
    answers = [client.post("/api/tasks", json=body, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert [each.status_code for each in answers] == [201, 201]
    assert answers[0].json == answers[1].json
    assert client.get("/api/flows/f").json["total"] == 1


def test_a_flow_is_counted_and_its_tasks_are_listed(client: FlaskClient, client_of: ClientOf, broker: Broker) -> None:
    submit(client)
    batch = {"tasks": [NEW_TASK | {"flow": "f"}, NEW_TASK | {"flow": "f", "delay_seconds": 60}, NEW_TASK]}
    tasks = client.post("/api/tasks/batch", json=batch).json["tasks"]
    shown = client.get("/api/flows/f").json
    assert (shown["id"], shown["status"], shown["total"], shown["ended_at"]) == ("f", "open", 2, None)
    assert shown["created_at"] == tasks[0]["created_at"]
    assert shown["by_status"] == {
        **{"pending": 1, "scheduled": 1, "processing": 0, "completed": 0, "failed": 0, "cancelled": 0}
    }
    listed = client.get("/api/tasks?flow=f").json
    assert [each["id"] for each in listed["tasks"]] == [tasks[1]["id"], tasks[0]["id"]]
    assert listed["total"] == 2
    assert client.get("/api/tasks?flow=f&status=scheduled").json["total"] == 1
    assert client.get("/api/tasks?flow=f&limit=1&offset=1").json["tasks"][0]["id"] == tasks[0]["id"]
    assert client.get("/api/tasks?flow=g").json["total"] == 0
    assert client_of("rival").get("/api/tasks?flow=f").json["total"] == 0
    complete(broker)
    complete(broker)
    client.post(f"/api/tasks/{tasks[1]['id']}/cancel")
    shown = client.get("/api/flows/f").json
    assert (shown["status"], shown["by_status"]["cancelled"]) == ("failed", 1)
    assert shown["ended_at"] == client.get(f"/api/tasks/{tasks[1]['id']}").json["completed_at"]


def test_what_is_no_flow_of_yours_is_missing(client: FlaskClient, client_of: ClientOf) -> None:
    submit(client, flow="f")
    for who, flow in ((client_of("rival"), "f"), (client, "g"), (client, "a.b"), (client, "x" * 65)):
        assert who.get(f"/api/flows/{flow}").status_code == 404
    assert pointers(client.get("/api/tasks?flow=f&type=VideoTranscoding")) == {"flow"}
    assert pointers(client.get("/api/tasks?flow=a.b")) == {"flow"}
