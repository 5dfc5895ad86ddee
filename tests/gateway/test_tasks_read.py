"""GET /api/tasks, /stats and /{id}: pages, filters and counts say exactly what is there."""

import json
from datetime import datetime, timedelta, timezone
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from broker.broker import Broker
from broker.clock import from_rfc3339
from tests.broker.engine.engine import Engine
from tests.gateway.conftest import NEW_TASK, VIDEO_ID
from tests.gateway.problem import pointers, problem
from tests.gateway.work import complete, fail, start

EMBED = {"type": "EmbeddingGeneration", "payload": {"entity_type": "image", "entity_id": VIDEO_ID}}


@pytest.fixture
def five(client: FlaskClient) -> list[str]:
    """Ids of five tasks, the newest first."""
    return [client.post("/api/tasks", json=NEW_TASK).json["id"] for _ in range(5)][::-1]


def ids(client: FlaskClient, **query: str | int) -> list[str]:
    page = client.get("/api/tasks", query_string=query)
    assert page.status_code == 200, page.text
    return [task["id"] for task in page.json["tasks"]]


def test_an_empty_list(client: FlaskClient) -> None:
    assert client.get("/api/tasks").json == {"tasks": [], "total": 0, "limit": 50, "offset": 0}


def test_pages_cut_the_list_newest_first(client: FlaskClient, five: list[str]) -> None:
    assert ids(client) == five
    assert ids(client, limit=2, offset=1) == five[1:3]
    assert ids(client, limit=100, offset=4) == five[4:]
    beyond = client.get("/api/tasks?offset=1000000000000&limit=1").json
    assert beyond == {"tasks": [], "total": 5, "limit": 1, "offset": 1000000000000}


def test_a_task_in_a_list_is_its_detail_without_the_attempts(client: FlaskClient, five: list[str]) -> None:
    detail = client.get(f"/api/tasks/{five[0]}").json
    assert (detail.pop("attempts"), detail.pop("usage")) == ([], None)
    (listed,) = client.get("/api/tasks?limit=1").json["tasks"]
    for shown in (listed, detail):
        assert shown.pop("waiting")["reason"] == "no_worker"  # with estimates, which change
    assert listed == detail


def test_status_and_type_filter(client: FlaskClient, broker: Broker) -> None:
    transcoding = client.post("/api/tasks", json=NEW_TASK).json["id"]
    complete(broker)
    embedding = client.post("/api/tasks", json=EMBED).json["id"]
    later = client.post("/api/tasks", json=EMBED | {"delay_seconds": 60}).json["id"]
    assert ids(client, status="completed") == [transcoding]
    assert ids(client, status="scheduled") == [later]
    assert ids(client, type="EmbeddingGeneration") == [later, embedding]
    assert ids(client, type="EmbeddingGeneration", status="pending") == [embedding]
    assert ids(client, type="PluginExecution") == []


def test_date_bounds_are_inclusive_to_the_microsecond(client: FlaskClient, five: list[str]) -> None:
    middle = client.get(f"/api/tasks/{five[2]}").json["created_at"]
    moment = datetime.fromisoformat(middle)
    elsewhere = moment.astimezone(timezone(timedelta(hours=-7))).isoformat()
    assert ids(client, start_date=middle) == five[:3]
    assert ids(client, end_date=middle) == five[2:]
    assert ids(client, start_date=elsewhere, end_date=elsewhere) == [five[2]]
    after = (moment + timedelta(microseconds=1)).isoformat()
    assert ids(client, start_date=after) == five[:2]
    assert ids(client, start_date="0001-01-01T00:00:00+23:59", end_date="9999-12-31T23:59:59") == five
    assert ids(client, start_date=after, end_date=middle) == []


@pytest.fixture
def leap_day(broker: Broker) -> list[str]:
    """Ids of tasks of the last microsecond before 29 February 2024, of its first, its last, and the next, in order."""
    engine = Engine(broker.redis, broker.keys)
    moments = ("28T23:59:59.999999Z", "29T00:00:00Z", "29T23:59:59.999999Z")
    found = []
    for us in (*(from_rfc3339(f"2024-02-{each}") for each in moments), from_rfc3339("2024-03-01T00:00:00Z")):
        engine.now = us
        found.append(engine.submit("VideoTranscoding", id=str(uuid4())))
    return found


@pytest.mark.parametrize(
    ("bounds", "first", "last"),
    [
        ({"start_date": "2024-02-29"}, 1, 3),
        ({"end_date": "2024-02-29"}, 0, 2),
        ({"start_date": "2024-02-29", "end_date": "2024-02-29"}, 1, 2),
        ({"start_date": "2024-02-29T00:00", "end_date": "2024-02-29T00:00"}, 1, 1),
        ({"start_date": "2024-02-29t00:00:00z", "end_date": "2024-02-29T23:59:59,9999999"}, 1, 2),
        ({"start_date": "2024-02-29T00:00:00.000001"}, 2, 3),
        ({"start_date": "2024-02-28T23:00-01", "end_date": "2024-03-01T01:00+0100"}, 1, 3),
    ],
)
def test_bounds_in_iso_8601(
    client: FlaskClient, leap_day: list[str], bounds: dict[str, str], first: int, last: int
) -> None:
    """Without an offset in UTC, and a date alone is that whole day."""
    assert ids(client, **bounds) == leap_day[first : last + 1][::-1]


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=", "limit"),
        ("limit=1.5", "limit"),
        ("limit=1.", "limit"),
        ("limit=1.5", "limit"),
        ("limit=1.", "limit"),
        ("limit=%201", "limit"),
        ("limit=%D9%A3", "limit"),
        ("limit=" + "9" * 5000, "limit"),
        ("limit=1&limit=2", "limit"),
        ("offset=-1", "offset"),
        ("offset=1000000000001", "offset"),
        ("offset=1e3", "offset"),
        ("status=done", "status"),
        ("status=", "status"),
        ("status=PENDING", "status"),
        ("limit=2&limit=3", "limit"),
        ("type=Nope", "type"),
        ("type=", "type"),
        ("type=video_transcoding", "type"),
        ("start_date=", "start_date"),
        ("start_date=2024-1-1", "start_date"),
        ("start_date=2024-02-30", "start_date"),
        ("start_date=2024-W01-1", "start_date"),
        ("start_date=2024-001", "start_date"),
        ("start_date=2024-01-01T", "start_date"),
        ("start_date=2024-01-01Z", "start_date"),
        ("start_date=2024-01-01T24:00", "start_date"),
        ("start_date=2024-01-01T00:00:60Z", "start_date"),
        ("start_date=2024-01-01%2000:00", "start_date"),
        ("start_date=2024-01-01T00:00:00+01:00", "start_date"),  # an unescaped plus is a space
        ("start_date=20240101T000000Z", "start_date"),
        ("start_date=2024-13-01T00:00:00Z", "start_date"),
        ("start_date=yesterday", "start_date"),
        ("end_date=1704067200", "end_date"),
        ("sort=created_at", "sort"),
        ("Status=pending", "Status"),
    ],
)
def test_a_filter_that_is_wrong_is_refused_not_ignored(client: FlaskClient, query: str, where: str) -> None:
    assert pointers(client.get(f"/api/tasks?{query}")) == {where}


def test_stats_name_every_status_and_type(client: FlaskClient) -> None:
    assert client.get("/api/tasks/stats").json == {
        "total": 0,
        "by_status": dict.fromkeys(["pending", "scheduled", "processing", "completed", "failed", "cancelled"], 0),
        "by_type": dict.fromkeys(["EmbeddingGeneration", "PluginExecution", "VideoTranscoding"], 0),
        "average_duration_seconds": None,
        "success_rate": 0.0,
    }


def test_stats_count_what_happened(client: FlaskClient, broker: Broker) -> None:
    for _ in range(3):
        client.post("/api/tasks", json=NEW_TASK)
    complete(broker)
    fail(broker)
    client.post("/api/tasks", json=EMBED)
    stats = client.get("/api/tasks/stats").json
    assert stats["total"] == 4
    assert {name: count for name, count in stats["by_status"].items() if count} == {
        "pending": 2,
        "completed": 1,
        "failed": 1,
    }
    assert stats["by_type"] == {"VideoTranscoding": 3, "EmbeddingGeneration": 1, "PluginExecution": 0}
    assert stats["success_rate"] == 0.25
    assert stats["average_duration_seconds"] > 0


def test_the_detail_follows_a_task_through_its_life(client: FlaskClient, broker: Broker) -> None:
    path = client.post("/api/tasks", json=NEW_TASK).headers["Location"]
    start(broker)
    running = client.get(path).json
    assert (running["status"], running["completed_at"]) == ("processing", None)
    assert running["started_at"] >= running["created_at"]
    other = client.post("/api/tasks", json=NEW_TASK).headers["Location"]
    complete(broker, {"variants": [1, 2]})
    done = client.get(other).json
    assert (done["status"], done["result"], done["error"]) == ("completed", {"variants": [1, 2]}, None)
    assert done["completed_at"] >= done["started_at"]


def test_a_failed_task_says_why_and_what_was_tried(client: FlaskClient, broker: Broker) -> None:
    path = client.post("/api/tasks", json=NEW_TASK).headers["Location"]
    fail(broker, "The file is no video.")
    task = client.get(path).json
    assert (task["status"], task["error"], task["retry_count"]) == ("failed", "The file is no video.", 0)
    assert task["completed_at"]
    assert [(each["outcome"], each["error"]) for each in task["attempts"]] == [("failed", "The file is no video.")]


@pytest.mark.parametrize(
    "task_id",
    [VIDEO_ID, "nope", "5", "%2e%2e", "*", "{}", VIDEO_ID[:-1], VIDEO_ID + "0", VIDEO_ID.replace("-", ""),
     f"{VIDEO_ID}%0A", f"%7B{VIDEO_ID}%7D", f"urn:uuid:{VIDEO_ID}", f"{VIDEO_ID}:dependents", "x" * 3000, "%D9%A3",
     "statistics"],
)  # fmt: skip
def test_an_id_that_names_no_task_is_not_found(client: FlaskClient, task_id: str) -> None:
    problem(client.get(f"/api/tasks/{task_id}"), 404, "not_found")


def test_an_id_may_be_written_in_capitals(client: FlaskClient, five: list[str]) -> None:
    assert client.get(f"/api/tasks/{five[0].upper()}").json["id"] == five[0]


def test_reading_with_head(client: FlaskClient, five: list[str]) -> None:
    response = client.head(f"/api/tasks/{five[0]}")
    assert (response.status_code, response.data) == (200, b"")
    assert response.content_length == len(client.get(f"/api/tasks/{five[0]}").data)


def test_reads_take_no_parameters_that_they_do_not_declare(client: FlaskClient, five: list[str]) -> None:
    assert pointers(client.get(f"/api/tasks/{five[0]}?verbose=1")) == {"verbose"}
    assert pointers(client.get("/api/tasks/stats?type=VideoTranscoding")) == {"type"}


def test_a_task_in_plain_json_is_what_the_detail_shows(client: FlaskClient, broker: Broker) -> None:
    """Webhooks carry the one, so it must be the other, to the letter, but for why it waits or has waited."""
    for _ in range(3):
        client.post("/api/tasks", json=NEW_TASK)
    client.post("/api/tasks", json=NEW_TASK | {"delay_seconds": 60})
    complete(broker, {"text": "na\u00efve", "n": 1})
    fail(broker)
    claimed, claim = start(broker)
    beat = (claim.worker, claimed.id, claim.execution, '{"percent": 50, "stage": "half"}')
    broker.transitions.renew([beat], lease_us=60_000_000, worker_ttl=60)
    tasks = broker.tasks.page("acme").tasks
    assert {str(task.status) for task in tasks} == {"completed", "failed", "processing", "scheduled"}
    for task in tasks:
        shown = client.get(f"/api/tasks/{task.id}").json | {"waiting": None, "waited": None}
        assert json.dumps(task.detail(), sort_keys=True) == json.dumps(shown, sort_keys=True)
