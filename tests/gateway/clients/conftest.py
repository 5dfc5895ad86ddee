"""A served gateway in which there is something to call every operation on."""

import io
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import requests

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.media.paths import plugin_file
from broker.media.search import Hit
from broker.secrets.links import SignedLinks, source_of
from gateway.auth import Tenant
from tests.gateway.conftest import NEW_TASK, VIDEO_ID, declared_types
from tests.gateway.media import MP4
from tests.gateway.served import KEY, Server
from tests.gateway.test_webhooks import deliver
from tests.gateway.work import complete, fail

SECRET = "a secret that signs links"
WEBHOOK = {"url": "https://example.org/hook", "events": ["task.completed"]}
NOTE = {"task_id": VIDEO_ID, "data": {}, "files": [{"name": "small.jpg", "size": 3}]}


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    return environ | {"SECRET_KEY": SECRET, "VIDEO_TRANSCODING_RATE": "none"}


@pytest.fixture
def behind(environ: dict[str, str], gateway: Server) -> Iterator[Broker]:
    """The broker of that gateway, with a search process that finds something."""
    settings = BrokerSettings(environ["REDIS_URL"], data_dir=Path(environ["DATA_DIR"]), secret_key=SECRET)
    broker, stop = Broker(settings, declared_types()), Event()
    hits = [Hit("video", VIDEO_ID, "clip.mp4", 0.5)]
    thread = Thread(target=broker.search.serve, args=(lambda _: hits, stop))
    thread.start()
    yield broker
    stop.set()
    thread.join(timeout=10)


@pytest.fixture
def things(gateway: Server, behind: Broker) -> dict[str, Any]:
    """Names and ids of what the operations are called on."""
    api = requests.Session()
    api.headers.update(KEY)

    def post(path: str, **options: Any) -> Any:
        response = api.post(f"{gateway.url}{path}", timeout=30, **options)
        assert response.ok, response.text
        return response.json()

    webhook, doomed = (post("/api/webhooks", json=WEBHOOK)["id"] for _ in range(2))
    video = post("/api/videos", files={"file": ("clip.mp4", MP4)})
    behind.storage.put(f"acme/{video['id']}/hls/master.m3u8", io.BytesIO(b"#EXTM3U\n"))
    behind.storage.put(plugin_file("acme", video["id"], "thumbnail", VIDEO_ID, "small.jpg"), io.BytesIO(b"abc"))
    completed = complete(behind, {}, video["id"], **{"plugin:thumbnail": NOTE})
    deliver(behind)
    deliveries = api.get(f"{gateway.url}/api/webhooks/{webhook}/deliveries", timeout=30).json()["deliveries"]
    post("/api/tasks", json=NEW_TASK)
    failed = fail(behind)
    links = SignedLinks(SECRET)
    tenant = Tenant("acme").id
    return {
        "url": gateway.url,
        "key": KEY["Authorization"].removeprefix("Bearer "),
        "video_id": video["id"],
        "image_id": post("/api/images", files={"file": ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(100))})["id"],
        "scheduled_id": post("/api/tasks", json=NEW_TASK | {"delay_seconds": 3600})["id"],
        "completed_id": completed,
        "failed_id": failed,
        "webhook_id": webhook,
        "doomed_webhook_id": doomed,
        "event_id": deliveries[0]["event_id"],
        "signature": links.sign(tenant, video["id"]),
        "source_signature": links.sign(tenant, source_of(video["id"])),
        "plugin_task_id": VIDEO_ID,
    }
