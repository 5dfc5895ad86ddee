"""POST /api/tasks: what is accepted, with which defaults, and what is refused with a pointer to the defect."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

import pytest
from flask.testing import FlaskClient

from broker.broker import Broker
from tests.gateway.conftest import NEW_TASK, VIDEO_ID
from tests.gateway.problem import pointers, problem
from tests.gateway.work import complete

MEDIA_ID = "660e8400-e29b-41d4-a716-446655440001"


def test_a_new_task_is_answered_as_its_detail_shows_it(client: FlaskClient) -> None:
    response = client.post("/api/tasks", json=NEW_TASK)
    assert response.status_code == 201
    assert response.headers["Location"] == f"/api/tasks/{response.json['id']}"
    assert client.get(response.headers["Location"]).json | {"waiting": None} == response.json
    assert response.json | {"id": "", "created_at": ""} == {
        "id": "",
        "type": "VideoTranscoding",
        "status": "pending",
        "priority": 0,
        "background": False,
        "payload": {"video_id": VIDEO_ID},
        "created_at": "",
        "scheduled_at": None,
        "started_at": None,
        "completed_at": None,
        "error": None,
        "retry_count": 0,
        "max_retries": 3,
        "timeout_seconds": 3600,
        "progress": None,
        "result": None,
        "group": None,
        "tags": [],
        "waiting": None,
        "waited": None,
        "flow": None,
        "depends_on": [],
        "on_failure": None,
        "waiting_for": [],
        "links": None,
        "deadline": None,
        "attempts": [],
        "trace": None,
        "usage": None,
        "part_of": None,
    }
    datetime.strptime(response.json["created_at"], "%Y-%m-%dT%H:%M:%S.%fZ")


def test_every_option_is_taken(client: FlaskClient) -> None:
    options = {"priority": 10, "max_retries": 0, "timeout_seconds": 60, "scheduled_at": "2099-01-01T01:00:00.5+01:00"}
    task = client.post("/api/tasks", json=NEW_TASK | options).json
    assert task["status"] == "scheduled"
    assert {name: task[name] for name in options} == options | {"scheduled_at": "2099-01-01T00:00:00.500000Z"}


def test_a_task_for_the_background(client: FlaskClient) -> None:
    task = client.post("/api/tasks", json=NEW_TASK | {"background": True}).json
    assert (task["background"], task["priority"], task["status"]) == (True, 0, "pending")
    assert client.get(f"/api/tasks/{task['id']}").json["background"] is True
    urgent = client.post("/api/tasks", json=NEW_TASK).json
    assert client.get(f"/api/tasks/{task['id']}").json["waiting"]["ahead"] == 1
    assert client.get(f"/api/tasks/{urgent['id']}").json["waiting"]["ahead"] == 0


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2099-01-31", "2099-01-31T00:00:00.000000Z"),
        ("2099-01-31T01:02", "2099-01-31T01:02:00.000000Z"),
        ("2099-01-31T01:02:03.5", "2099-01-31T01:02:03.500000Z"),
        ("2099-01-31T01:02+02", "2099-01-30T23:02:00.000000Z"),
    ],
)
def test_a_moment_without_an_offset_is_utc(client: FlaskClient, written: str, meant: str) -> None:
    task = client.post("/api/tasks", json=NEW_TASK | {"scheduled_at": written}).json
    assert (task["status"], task["scheduled_at"]) == ("scheduled", meant)


def test_a_delay_counts_from_the_submission(client: FlaskClient) -> None:
    task = client.post("/api/tasks", json=NEW_TASK | {"delay_seconds": 90.5}).json
    created, due = (datetime.fromisoformat(task[name]) for name in ("created_at", "scheduled_at"))
    assert (task["status"], due - created) == ("scheduled", timedelta(seconds=90.5))


@pytest.mark.parametrize("when", ["2001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"])
def test_a_time_in_the_past_is_due_at_once(client: FlaskClient, when: str) -> None:
    assert client.post("/api/tasks", json=NEW_TASK | {"scheduled_at": when}).json["status"] == "pending"


def test_a_unique_key_finds_the_unfinished_task_until_it_ends(client: FlaskClient, broker: Broker) -> None:
    body = NEW_TASK | {"unique_key": "intro"}
    first, again = client.post("/api/tasks", json=body), client.post("/api/tasks", json=body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json == first.json
    assert again.headers["Location"] == first.headers["Location"]
    complete(broker)
    afterwards = client.post("/api/tasks", json=body)
    assert afterwards.status_code == 201
    assert afterwards.json["id"] != first.json["id"]


@pytest.mark.parametrize(
    "tenant_id", ["acme", str(uuid5(NAMESPACE_DNS, "acme")), str(uuid5(NAMESPACE_DNS, "acme")).upper()]
)
def test_a_payload_may_name_the_caller_in_either_form(client: FlaskClient, tenant_id: str) -> None:
    payload = {"plugin_name": "checksum", "media_id": MEDIA_ID, "tenant_id": tenant_id}
    assert client.post("/api/tasks", json={"type": "PluginExecution", "payload": payload}).status_code == 201


@pytest.mark.parametrize("tenant_id", ["rival", str(uuid5(NAMESPACE_DNS, "rival")), "", None, 5, [], {}])
def test_a_payload_may_name_nobody_else(client: FlaskClient, tenant_id: Any) -> None:
    payload = {"plugin_name": "checksum", "media_id": MEDIA_ID, "tenant_id": tenant_id}
    response = client.post("/api/tasks", json={"type": "PluginExecution", "payload": payload})
    assert pointers(response) == {"#/payload/tenant_id"}
    assert client.get("/api/tasks").json["total"] == 0


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"type": "Nope"}, "#/type"),
        ({"type": ""}, "#/type"),
        ({"type": "videotranscoding"}, "#/type"),
        ({"type": 5}, "#/type"),
        ({"type": None}, "#/type"),
        ({"payload": None}, "#/payload"),
        ({"payload": []}, "#/payload"),
        ({"payload": "{}"}, "#/payload"),
        ({"payload": {}}, "#/payload/video_id"),
        ({"payload": {"video_id": "not-a-uuid"}}, "#/payload/video_id"),
        ({"payload": {"video_id": VIDEO_ID, "extra/~": 1}}, "#/payload/extra~1~0"),
        ({"priority": 0, "background": True}, "#/priority"),
        ({"background": "yes"}, "#/background"),
        ({"priority": -1}, "#/priority"),
        ({"priority": 11}, "#/priority"),
        ({"priority": 10**30}, "#/priority"),
        ({"priority": 1.5}, "#/priority"),
        ({"priority": "1"}, "#/priority"),
        ({"priority": True}, "#/priority"),
        ({"max_retries": -1}, "#/max_retries"),
        ({"max_retries": 101}, "#/max_retries"),
        ({"timeout_seconds": 0}, "#/timeout_seconds"),
        ({"timeout_seconds": 10**9}, "#/timeout_seconds"),
        ({"delay_seconds": -0.001}, "#/delay_seconds"),
        ({"delay_seconds": 1e300}, "#/delay_seconds"),
        ({"delay_seconds": 10**400}, "#/delay_seconds"),
        ({"delay_seconds": "5"}, "#/delay_seconds"),
        ({"delay_seconds": True}, "#/delay_seconds"),
        ({"scheduled_at": "2099-01"}, "#/scheduled_at"),
        ({"scheduled_at": "2099-001"}, "#/scheduled_at"),
        ({"scheduled_at": "20990101T000000Z"}, "#/scheduled_at"),
        ({"scheduled_at": "9999-12-31T23:59:59Z"}, "#/scheduled_at"),
        ({"scheduled_at": "2099-02-30T00:00:00Z"}, "#/scheduled_at"),
        ({"scheduled_at": "2099-W01-1T00:00:00Z"}, "#/scheduled_at"),
        ({"scheduled_at": 4070908800}, "#/scheduled_at"),
        ({"scheduled_at": "2099-01-01T00:00:00Z", "delay_seconds": 1}, "#/delay_seconds"),
        ({"unique_key": ""}, "#/unique_key"),
        ({"unique_key": "x" * 256}, "#/unique_key"),
        ({"unique_key": 5}, "#/unique_key"),
        ({"id": VIDEO_ID}, "#/id"),
        ({"status": "completed"}, "#/status"),
    ],
)
def test_what_is_wrong_is_refused_and_named(client: FlaskClient, change: dict[str, Any], where: str) -> None:
    assert pointers(client.post("/api/tasks", json=NEW_TASK | change)) == {where}
    assert client.get("/api/tasks").json["total"] == 0


def test_everything_that_is_missing_is_named_at_once(client: FlaskClient) -> None:
    assert pointers(client.post("/api/tasks", json={})) == {"#/type", "#/payload"}


def test_a_full_queue_says_when_to_come_back(
    client: FlaskClient, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker.tasks, "settings", replace(broker.settings, max_pending=1))
    client.post("/api/tasks", json=NEW_TASK)
    response = client.post("/api/tasks", json=NEW_TASK)
    problem(response, 429, "queue_full")
    assert int(response.headers["Retry-After"]) >= 1


def test_the_longest_text_and_the_oddest_characters_come_back_unchanged(client: FlaskClient) -> None:
    key = "\x00\n\u202e\U0001f3ac" + "x" * 250
    first = client.post("/api/tasks", json=NEW_TASK | {"unique_key": key})
    assert client.post("/api/tasks", json=NEW_TASK | {"unique_key": key}).json["id"] == first.json["id"]


def test_moments_are_compared_in_utc(client: FlaskClient) -> None:
    soon = (datetime.now(UTC) + timedelta(hours=1)).astimezone().isoformat()
    assert client.post("/api/tasks", json=NEW_TASK | {"scheduled_at": soon}).json["status"] == "scheduled"
