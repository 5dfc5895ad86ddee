"""What a task has made can be opened: by fresh links where it is shown, by the file's address in webhooks."""

import io
import json
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from broker.broker import Broker
from broker.media.paths import plugin_file
from broker.webhooks.delivery import Deliveries
from tests.gateway.conftest import NEW_TASK, ClientOf
from tests.gateway.media import MP4, PNG, upload
from tests.gateway.work import complete

MASTER, POSTER, PEAKS = b"#EXTM3U\n", b"\xff\xd8\xff", b"[1, 2]"
HLS = {"hls_master": "hls/master.m3u8", "poster": "hls/poster.jpg"}
HOOK = {"url": "https://example.org/hook", "events": ["task.processing", "task.completed"]}


@pytest.fixture
def video(client: FlaskClient, broker: Broker) -> dict[str, Any]:
    """One that has been transcoded."""
    video = upload(client, "/api/videos", MP4).json
    for name, content in (("master.m3u8", MASTER), ("poster.jpg", POSTER)):
        broker.storage.put(f"acme/{video['id']}/hls/{name}", io.BytesIO(content))
    complete(broker, {"video_id": video["id"], **HLS}, video["id"], variants=[])
    return dict(video)


def run_plugin(client: FlaskClient, broker: Broker, media_id: str, **result: Any) -> str:
    """Its task's id; the plugin answered ``result``."""
    payload = {"plugin_name": "waveform", "media_id": media_id}
    client.post("/api/tasks", json={"type": "PluginExecution", "payload": payload})
    return complete(broker, payload | {"data": {}, "files": []} | result)


def test_a_transcodings_stream_and_poster_open(
    client: FlaskClient, anonymous: FlaskClient, broker: Broker, video: dict[str, Any]
) -> None:
    path = f"/api/tasks/{video['task_id']}"
    (listed,) = client.get("/api/tasks?status=completed").json["tasks"]
    for shown in (client.get(path).json, client.get(f"{path}?wait=1").json, listed):
        assert set(shown["links"]) == {"hls_url", "poster_url"}
        assert anonymous.get(shown["links"]["hls_url"]).data == MASTER
        assert anonymous.get(shown["links"]["poster_url"]).data == POSTER
    assert "stream" not in str(broker.redis.hgetall(broker.keys.job(video["task_id"])))


def test_what_a_plugin_has_made_opens(
    client: FlaskClient, anonymous: FlaskClient, broker: Broker, video: dict[str, Any]
) -> None:
    task_id = run_plugin(client, broker, video["id"], files=[{"name": "waveform.json", "size": len(PEAKS)}])
    broker.storage.put(plugin_file("acme", video["id"], "waveform", task_id, "waveform.json"), io.BytesIO(PEAKS))
    shown = client.get(f"/api/tasks/{task_id}").json
    (file,) = shown["links"]["files"]
    assert shown["result"]["files"] == [{"name": "waveform.json", "size": len(PEAKS)}]
    assert file | {"url": ""} == {"name": "waveform.json", "size": len(PEAKS), "url": ""}
    assert anonymous.get(file["url"]).data == PEAKS


def test_where_there_is_nothing_to_open_there_are_no_links(
    client: FlaskClient, broker: Broker, video: dict[str, Any]
) -> None:
    without_files = run_plugin(client, broker, video["id"])
    upload(client, "/api/images", PNG)
    embedded = complete(broker, {"model": "m"})
    waiting = client.post("/api/tasks", json=NEW_TASK).json["id"]
    for task_id in (without_files, embedded, waiting):
        assert client.get(f"/api/tasks/{task_id}").json["links"] is None


@pytest.mark.parametrize("result", [{"x": 1}, {"hls_master": 1, "poster": None}, [1], "text", {"files": 5}])
def test_a_result_of_another_shape_is_shown_without_links(client: FlaskClient, broker: Broker, result: Any) -> None:
    client.post("/api/tasks", json=NEW_TASK)
    shown = client.get(f"/api/tasks/{complete(broker, result)}").json
    assert (shown["result"], shown["links"]) == (result, None)
    task_id = run_plugin(client, broker, str(uuid4()), files=result)
    assert client.get(f"/api/tasks/{task_id}").json["links"] is None
    assert client.get("/api/tasks").json["total"] == 2


def told(broker: Broker, public_url: str = "") -> list[dict[str, Any]]:
    """The events that the daemon hands out, oldest first."""
    deliveries = Deliveries(broker.redis, broker.keys, public_url=public_url)
    deliveries.fan_out()
    return [json.loads(each.body) for each in deliveries.claim(10, 10)]


@pytest.mark.parametrize("public_url", ["https://tasks.example.com", ""])
def test_webhooks_name_the_address_of_the_file_which_does_not_expire(
    client: FlaskClient, broker: Broker, public_url: str
) -> None:
    client.post("/api/webhooks", json=HOOK | {"events": ["task.completed"]})
    image = upload(client, "/api/images", PNG).json
    task_id = complete(broker, {"model": "m"})
    (event,) = told(broker, public_url)
    assert event["data"]["id"] == task_id
    assert event["data"]["links"] == {"media_url": f"{public_url}/api/images/{image['id']}"}
    shown = client.get(event["data"]["links"]["media_url"].removeprefix(public_url))
    assert shown.json["task_id"] == task_id


def test_a_webhook_names_no_file_of_another_tenant(
    client: FlaskClient, client_of: ClientOf, broker: Broker, video: dict[str, Any]
) -> None:
    rival = client_of("rival")
    rival.post("/api/webhooks", json=HOOK | {"events": ["task.completed"]})
    rival.post("/api/tasks", json=NEW_TASK | {"payload": {"video_id": video["id"]}})
    complete(broker, {})
    (event,) = told(broker)
    assert event["data"]["links"] is None
