"""A served gateway in which there is something to call every operation on."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
import requests

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.media.paths import plugin_file, thumbnails
from broker.search.found import Found, Hit
from broker.secrets.links import SignedLinks, source_of
from gateway.auth import Tenant
from tests.gateway.conftest import NEW_TASK, VIDEO_ID, declared_types
from tests.gateway.media import MP3, MP4, VTT
from tests.gateway.served import KEY, Server
from tests.gateway.test_webhooks import deliver
from tests.gateway.tus_client import TUS, encoded
from tests.gateway.work import complete, fail
from tests.search_fixtures import searching

SECRET = "a secret that signs links"
UPLOAD = TUS | {"Upload-Length": "500", "Upload-Metadata": encoded(kind="video")}
WEBHOOK = {"url": "https://example.org/hook", "events": ["task.completed"]}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
RENDITION = {"name": "9p", "width": 16, "height": 9, "bandwidth": 1, "codecs": "avc1", "playlist": "9p/index.m3u8"}
NOTE = {"task_id": VIDEO_ID, "data": {}, "files": [{"name": "small.jpg", "size": 3}]}


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    return environ | {"SECRET_KEY": SECRET, "VIDEO_TRANSCODING_RATE": "none"}


@pytest.fixture
def behind(environ: dict[str, str], gateway: Server) -> Iterator[Broker]:
    """The broker of that gateway, with a search process that finds something."""
    settings = BrokerSettings(environ["REDIS_URL"], data_dir=Path(environ["DATA_DIR"]), secret_key=SECRET)
    broker = Broker(settings, declared_types())
    found = Found([Hit("video", VIDEO_ID, "clip.mp4", 0.5)], 1)
    with searching(broker.search_server, lambda _: found):
        yield broker


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
    key, doomed_key = (post("/api/keys", json={"name": "ci", "scopes": ["read"]})["id"] for _ in range(2))
    video = post("/api/videos", files={"file": ("clip.mp4", MP4)})
    behind.storage.put(f"acme/{video['id']}/hls/master.m3u8", io.BytesIO(b"#EXTM3U\n"))
    behind.storage.put(plugin_file("acme", video["id"], "thumbnail", VIDEO_ID, "small.jpg"), io.BytesIO(b"abc"))
    behind.storage.put(f"{thumbnails('acme', video['id'], crc32(b'0 640') % 512)}0_640.jpg", io.BytesIO(b"jpeg"))
    behind.storage.put(f"acme/{video['id']}/hls/9p/download.head", io.BytesIO(b'{"etag": "a", "parts": []}\nmp4'))
    shown = {"variants": [RENDITION], "frame_rate": 25.0, "duration_seconds": 1.0}
    completed = complete(behind, {}, video["id"], **shown, **{"plugin:thumbnail": NOTE})
    deliver(behind)
    deliveries = api.get(f"{gateway.url}/api/webhooks/{webhook}/deliveries", timeout=30).json()["deliveries"]
    post("/api/tasks", json=NEW_TASK)
    failed = fail(behind)
    post("/api/tasks", json=NEW_TASK)
    doomed_task = fail(behind)
    post("/api/tasks", json=NEW_TASK)
    fail(behind, "another cause")
    behind.transitions.register_worker("w9", ttl=600, queues="VideoTranscoding", fields={})
    image = post("/api/images", files={"file": ("a.png", PNG)})
    behind.storage.put(f"{thumbnails('acme', image['id'], 640)}640.webp", io.BytesIO(b"webp"))
    links = SignedLinks(SECRET)
    pdf = post("/api/documents", files={"file": ("a.pdf", b"%PDF-1.7\n")})
    tenant = Tenant("acme").id
    return {
        "url": gateway.url,
        "key": KEY["Authorization"].removeprefix("Bearer "),
        "video_id": video["id"],
        "caption_id": post(
            f"/api/videos/{video['id']}/captions", files={"file": ("c.vtt", VTT)}, data={"language": "en"}
        )["id"],
        "image_id": image["id"],
        "audio_id": post("/api/audios", files={"file": ("a.mp3", MP3)})["id"],
        "document_id": post("/api/documents", files={"file": ("a.txt", b"Hello")})["id"],
        "scheduled_id": post("/api/tasks", json=NEW_TASK | {"delay_seconds": 3600, "flow": "f"})["id"],
        "waiting_id": post("/api/tasks", json=NEW_TASK | {"delay_seconds": 3600})["id"],
        "operation_id": post("/api/operations", json={"action": "cancel", "filter": {"tag": "none has"}})["id"],
        "failure_id": api.get(f"{gateway.url}/api/failures", timeout=30).json()["failures"][0]["id"],
        "upload_id": post("/api/uploads", headers=UPLOAD)["id"],
        "doomed_upload_id": post("/api/uploads", headers=UPLOAD)["id"],
        "completed_id": completed,
        "failed_id": failed,
        "doomed_task_id": doomed_task,
        "doomed_video_id": post("/api/videos", files={"file": ("clip.mp4", MP4)})["id"],
        "doomed_image_id": post("/api/images", files={"file": ("a.png", PNG)})["id"],
        "doomed_audio_id": post("/api/audios", files={"file": ("a.mp3", MP3)})["id"],
        "doomed_document_id": post("/api/documents", files={"file": ("a.txt", b"Hello")})["id"],
        "hold_id": post("/api/holds", json={"tag": "odd", "reason": "tried"})["id"],
        "worker": "w9",
        "webhook_id": webhook,
        "doomed_webhook_id": doomed,
        "key_id": key,
        "doomed_key_id": doomed_key,
        "event_id": deliveries[0]["event_id"],
        "signature": links.sign(tenant, video["id"]),
        "image_signature": links.sign(tenant, image["id"]),
        "source_signature": links.sign(tenant, source_of(video["id"])),
        "pdf_id": pdf["id"],
        "pdf_signature": links.sign(tenant, source_of(pdf["id"])),
        "plugin_task_id": VIDEO_ID,
    }
