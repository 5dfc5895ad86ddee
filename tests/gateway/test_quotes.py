"""POST /api/quotes: what a task would come to, and nothing is stored by it."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from broker.broker import Broker
from broker.clock import from_rfc3339
from broker.media.records import MediaRecord, fields
from tests.gateway.conftest import NEW_TASK, VIDEO_ID
from tests.gateway.problem import pointers

EVERYTHING = "EmbeddingGeneration,PluginExecution,VideoTranscoding"


def quote(client: FlaskClient, broker: Broker, **changes: Any) -> dict[str, Any]:
    broker.forecasts.__dict__["_made"] = None  # of this moment, not of the last second
    response = client.post("/api/quotes", json=NEW_TASK | changes)
    assert response.status_code == 200, response.json
    return dict(response.json)


def p50(quoted: dict[str, Any]) -> int:
    """Microseconds from the forecast to the start."""
    return from_rfc3339(quoted["estimate"]["start"]["p50"]) - from_rfc3339(quoted["estimate"]["made_at"])


def work(broker: Broker) -> None:
    broker.transitions.register_worker("w1", ttl=30, queues=EVERYTHING, fields={"pid": 1})


def test_nobody_would_run_it(client: FlaskClient, broker: Broker) -> None:
    found = quote(client, broker)
    assert found["estimate"] is None
    assert found["no_estimate"] == "No worker listens to VideoTranscoding."


def test_what_waits_comes_before_it_unless_it_is_urgent(client: FlaskClient, broker: Broker) -> None:
    work(broker)
    free = quote(client, broker)
    client.post("/api/tasks/batch", json={"tasks": [NEW_TASK] * 10})
    queued, urgent = quote(client, broker), quote(client, broker, priority=9)
    last = quote(client, broker, background=True)
    assert (last["background"], last["priority"], urgent["background"]) == (True, 0, False)
    assert p50(last) == pytest.approx(p50(queued), rel=0.5)
    assert (free["position"], queued["position"], urgent["position"]) == (1, 11, 1)
    assert p50(free) < 1_000_000
    assert p50(urgent) < 1_000_000
    one = queued["work_seconds"]["p50"]
    assert p50(queued) == pytest.approx(10 * one * 1e6, rel=0.5)
    assert client.get("/api/tasks").json["total"] == 10


def test_it_starts_when_it_is_due_at_the_earliest(client: FlaskClient, broker: Broker) -> None:
    work(broker)
    assert p50(quote(client, broker, delay_seconds=3600)) >= 3_599_000_000


def test_it_knows_how_long_the_recording_is(client: FlaskClient, broker: Broker) -> None:
    assert quote(client, broker)["media_seconds"] is None
    record = MediaRecord(VIDEO_ID, "acme", "video", "a.mp4", "video/mp4", 1, "", "", info={"duration_seconds": 90})
    broker.redis.hset(broker.keys.media(VIDEO_ID), mapping=fields(record))
    assert quote(client, broker)["media_seconds"] == 90


def test_what_cannot_be_submitted_is_not_quoted(client: FlaskClient) -> None:
    wrong = client.post("/api/quotes", json={"type": "VideoTranscoding", "payload": {"video_id": "x"}})
    assert wrong.status_code == 422
    assert pointers(wrong) == {"#/payload/video_id"}
