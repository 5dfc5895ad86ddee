"""``GET /api/usage``: sums by what was asked for, of nobody else's work, as JSON and as a table."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from broker.broker import Broker
from tests.gateway.conftest import NEW_TASK, ClientOf
from tests.gateway.media import PNG, upload
from tests.gateway.problem import pointers, problem
from tests.gateway.work import complete

#: us of processor time, us, ms of recordings, bytes read and written, KiB at most, and no shorter runs.
USED = "1500000 2000000 60000 100 50 2048 0 0 0"
SHOWN = {
    "cpu_seconds": 1.5, "run_seconds": 2.0, "media_seconds": 60.0, "bytes_read": 100, "bytes_written": 50,
    "peak_memory_bytes": 2048 * 1024,
}  # fmt: skip
NONE: dict[str, Any] = {name: 0 for name in ("runs", *SHOWN)}


@pytest.fixture
def task_id(client: FlaskClient, broker: Broker) -> str:
    """A task of acme's that has used this."""
    task_id: str = client.post("/api/tasks", json=NEW_TASK).json["id"]
    complete(broker, {}, used=USED)
    return task_id


def day(offset: int = 0) -> str:
    return str((datetime.now(UTC) + timedelta(days=offset)).date())


def test_a_task_shows_what_it_has_used(client: FlaskClient, task_id: str) -> None:
    assert client.get(f"/api/tasks/{task_id}").json["usage"] == SHOWN


def test_sums_are_told_apart_as_asked(client: FlaskClient, broker: Broker, task_id: str) -> None:
    today = client.get("/api/usage").json["to"]
    broker.redis.hset(broker.keys.usage("acme", day(-1)), "PluginExecution", "2 1000000 0 0 7 0 9")
    row = {"tenant": None, "day": None, "type": None, "runs": 1, **SHOWN}
    plugin = NONE | {"tenant": None, "runs": 2, "cpu_seconds": 1.0, "bytes_read": 7, "peak_memory_bytes": 9 * 1024}
    answer = client.get("/api/usage?by=day,type").json
    assert answer["rows"] == [
        plugin | {"day": day(-1), "type": "PluginExecution"},
        row | {"day": today, "type": "VideoTranscoding"},
    ]
    assert answer["total"] == {"runs": 3, **SHOWN, "cpu_seconds": 2.5, "bytes_read": 107}
    assert [each["type"] for each in client.get("/api/usage?by=type").json["rows"]] == [
        "PluginExecution", "VideoTranscoding",
    ]  # fmt: skip
    assert client.get("/api/usage?by=type,type&by=type").json == client.get("/api/usage?by=type").json
    assert client.get(f"/api/usage?from={today}&to={today}").json["total"] == {"runs": 1, **SHOWN}
    assert client.get("/api/usage").json["rows"] == []


def test_everybodys_are_the_operators_to_see(client_of: ClientOf, task_id: str) -> None:
    ops, rival = client_of("ops"), client_of("rival")
    assert [each["tenant"] for each in ops.get("/api/usage?by=tenant").json["rows"]] == ["acme"]
    assert ops.get("/api/usage?tenant=acme").json["total"]["runs"] == 1
    assert ops.get("/api/usage?tenant=rival").json["total"] == NONE
    assert rival.get("/api/usage?by=tenant").json["rows"] == []
    assert rival.get("/api/usage?tenant=rival").status_code == 200
    assert problem(rival.get("/api/usage?tenant=acme"), 403, "forbidden")["required_scope"] == "admin"


def test_how_quotas_stand(client: FlaskClient, client_of: ClientOf, task_id: str) -> None:
    upload(client, "/api/images", PNG)
    limits = {
        "uploads_per_day": 9, "stored_bytes": 10**6, "waiting_tasks": 7, "cpu_seconds_per_day": 100,
        "cpu_seconds_per_month": 200, "media_seconds_per_day": 300, "media_seconds_per_month": 400,
    }  # fmt: skip
    client_of("ops").put("/api/tenants/acme", json={"quotas": limits})
    answer = client.get("/api/usage").json
    used = {
        "uploads_per_day": 1, "stored_bytes": len(PNG), "waiting_tasks": 1, "cpu_seconds_per_day": 1,
        "cpu_seconds_per_month": 1, "media_seconds_per_day": 60, "media_seconds_per_month": 60,
    }  # fmt: skip
    assert {each["name"]: (each["limit"], each["used"]) for each in answer["quotas"]} == {
        name: (limits[name], used[name]) for name in limits
    }
    assert (answer["uploads"], answer["uploaded_bytes"], answer["stored_bytes"]) == (1, len(PNG), len(PNG))
    everybodys = client_of("ops").get("/api/usage").json
    assert (everybodys["quotas"], everybodys["stored_bytes"], everybodys["uploads"]) == ([], None, 1)


def test_a_table(client: FlaskClient, task_id: str) -> None:
    answer = client.get("/api/usage?by=type&format=csv")
    assert answer.headers["Content-Type"].startswith("text/csv")
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert (row["type"], row["runs"], row["cpu_seconds"], row["tenant"]) == ("VideoTranscoding", "1", "1.5", "")


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        *((f"from={value}", "from") for value in ("2024-1-01", "2024-02-30", "yesterday", "2024-01-01T00:00", "")),
        ("from=2020-01-01", "from"), ("from=2024-02-01&to=2024-01-01", "from"),
        ("to=0001-01-01&from=9999-12-31", "from"),
        ("by=nope", "by"), ("by=type,nope", "by"), ("by=", "by"), ("format=xml", "format"), ("tenant=a%20b", "tenant"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked(client: FlaskClient, query: str, wrong: str) -> None:
    assert pointers(client.get(f"/api/usage?{query}")) == {wrong}


@pytest.mark.parametrize("query", ["to=0001-01-01", "to=9999-12-31"])
def test_the_ends_of_time(client: FlaskClient, query: str) -> None:
    assert client.get(f"/api/usage?{query}").json["total"] == NONE
