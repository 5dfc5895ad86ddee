"""A video that is being made shows what of it plays, and tells so once."""

import io
from typing import Any

import pytest
from flask.testing import FlaskClient

from broker.broker import Broker
from broker.engine.transitions import Claimed
from broker.media import paths
from broker.media.records import info_fields
from broker.webhooks.delivery import Deliveries
from broker.webhooks.events import PLAYABLE
from tests.gateway.test_delete import post
from tests.gateway.work import complete, fail, start


def note(broker: Broker, claimed: Claimed, execution: str, video: dict[str, Any], seconds: float) -> bool:
    """What a run says of what can be played, with an event."""
    ((name, value),) = info_fields({"playable_seconds": seconds}).items()
    return broker.transitions.note_early(claimed.id, execution, video["id"], [name, value], (PLAYABLE, "playable"))


def shown(client: FlaskClient, video: dict[str, Any]) -> tuple[bool, float | None]:
    seen: Any = client.get(f"/api/videos/{video['id']}").json
    return seen["playable"], seen["playable_seconds"]


def test_it_plays_while_its_task_goes_on(client: FlaskClient, broker: Broker) -> None:
    video = post(client).json
    assert (video["playable"], video["playable_seconds"]) == (False, None)
    claimed, claim = start(broker)
    assert note(broker, claimed, claim.execution, video, 6.0)
    assert shown(client, video) == (True, 6.0)
    broker.transitions.fail(claimed.id, claim.execution, "broke", "", None, claim._replace(execution=""))
    assert shown(client, video) == (False, None)


def test_all_of_it_plays_when_it_is_made(client: FlaskClient, broker: Broker) -> None:
    video = post(client).json
    complete(broker, {}, video["id"], variants=[], duration_seconds=61.5)
    assert shown(client, video) == (True, 61.5)


def test_one_that_failed_before_plays_nothing(client: FlaskClient, broker: Broker) -> None:
    video = post(client).json
    fail(broker)
    assert shown(client, video) == (False, None)


def test_what_another_task_has_made_is_completed_whatever_became_of_the_uploads(
    client: FlaskClient, broker: Broker
) -> None:
    video = post(client).json
    assert client.post(f"/api/tasks/{video['task_id']}/cancel").status_code == 200
    again = {"type": "VideoTranscoding", "payload": {"video_id": video["id"]}}
    assert client.post("/api/tasks", json=again).status_code == 201
    assert client.get(f"/api/videos/{video['id']}").json["status"] == "cancelled"
    complete(broker, {}, video["id"], variants=[], duration_seconds=61.5)
    seen: Any = client.get(f"/api/videos/{video['id']}").json
    assert (seen["status"], seen["playable"], seen["progress"], seen["error"]) == ("completed", True, None, None)
    assert [each["status"] for each in client.get("/api/videos").json["videos"]] == ["completed"]


@pytest.mark.parametrize("end", ["stopped", "poison", "forgotten"])
def test_nothing_plays_on_when_its_task_ends_without_a_run(client: FlaskClient, broker: Broker, end: str) -> None:
    """So the run could not take away what it had made: a player would wait for the rest for ever."""
    video = post(client).json
    claimed, claim = start(broker)
    note(broker, claimed, claim.execution, video, 6.0)
    for name in ("master.m3u8", "360p/index.m3u8"):
        broker.storage.put(paths.hls("acme", video["id"], name), io.BytesIO(b"#EXTM3U\n"))
    playing = [video["hls_url"], video["hls_url"].replace("master", "360p/index")]
    assert [client.get(each).status_code for each in playing] == [200, 200]
    if end == "stopped":
        broker.tasks.cancel("acme", claimed.id, force=True)
    broker.transitions.fail(claimed.id, claim.execution, "killed", "", None, claim._replace(execution=""))
    if end == "forgotten":
        broker.tasks.delete("acme", claimed.id)
    assert [client.get(each).status_code for each in playing] == [404, 404]


def test_a_run_notes_nothing_of_another_tenants_file(client: FlaskClient, broker: Broker) -> None:
    video = post(client).json
    broker.redis.hset(broker.keys.media(video["id"]), "tenant", "rival")
    claimed, claim = start(broker)
    assert note(broker, claimed, claim.execution, video, 6.0)
    assert not broker.redis.hexists(broker.keys.media(video["id"]), "info:playable_seconds")


def test_webhooks_and_live_listeners_are_told(client: FlaskClient, broker: Broker) -> None:
    client.post("/api/webhooks", json={"url": "https://example.org/hook", "events": [PLAYABLE]})
    broker.transitions.listen("acme", keep_us=60_000_000)
    video = post(client).json
    claimed, claim = start(broker)
    note(broker, claimed, claim.execution, video, 6.0)
    deliveries = Deliveries(broker.redis, broker.keys)
    deliveries.fan_out()
    (sent,) = deliveries.claim(10, 10)
    assert PLAYABLE in sent.body
    assert video["id"] in sent.body
    entries: Any = broker.redis.xrange(broker.keys.events("acme"))
    assert [entry["media_id"] for _, entry in entries if entry["kind"] == "playable"] == [video["id"]]
