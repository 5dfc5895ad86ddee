"""Files that are at a URL: announced at once, fetched by the run that works on them."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from mindia_client import Client

from broker.context import TaskContext
from scripts.testing.kit import Kit
from tests.clients.conftest import RESULT
from tests.file_server import Files, serving_files
from tests.gateway.media import MP4, PNG


@pytest.fixture
def files() -> Iterator[Files]:
    with serving_files() as served:
        served.content = MP4
        yield served


@pytest.fixture
def seen(system: Kit) -> list[bytes]:
    """The bytes that runs have worked on."""
    found: list[bytes] = []

    def transcode(context: TaskContext) -> dict[str, Any]:
        record = context.media(context.payload["video_id"])
        with context.storage.open(record.source_key) as file:
            found.append(file.read())
        return RESULT

    system.stub("VideoTranscoding", transcode)
    return found


def ask(system: Kit, method: str, path: str, **options: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {system.key}"}
    return requests.request(method, f"{system.url}{path}", headers=headers, timeout=30, **options)


def test_it_is_there_at_once_and_fetched_when_it_runs(system: Kit, files: Files, seen: list[bytes]) -> None:
    answer = ask(
        system, "POST", "/api/videos", json={"url": files.url, "tags": ["x"], "keep_source": True, "embed": False}
    )
    assert answer.status_code == 201
    video = answer.json()
    assert (video["filename"], video["size"], video["content_type"]) == ("file.mp4", None, None)
    assert files.paths == []
    [task] = system.drain()
    assert (task.id, task.status, task.tags) == (video["task_id"], "completed", ["x"])
    assert seen == [MP4]
    shown = ask(system, "GET", f"/api/videos/{video['id']}").json()
    assert (shown["size"], shown["content_type"]) == (len(MP4), "video/mp4")
    assert requests.get(f"{system.url}{shown['source_url']}", timeout=30).content == MP4
    assert system.broker.ledger.stored_bytes(system.tenant) == len(MP4)
    everything = video | shown | ask(system, "GET", f"/api/tasks/{task.id}").json()
    assert "secret" not in str(everything)


def test_what_is_wrong_with_it_is_permanent_and_told_in_words(system: Kit, files: Files, seen: list[bytes]) -> None:
    answers = [
        (PNG, [], "is an image (image/png), not a video"),
        (MP4, [404], "nothing at the URL"),
        (b"", [], "empty"),
    ]
    for content, statuses, words in answers:
        files.content, files.statuses = content, statuses
        ask(system, "POST", "/api/videos", json={"url": files.url, "embed": False})
        [task] = system.drain()
        assert (task.status, task.retry_count) == ("failed", 0)
        assert words in (task.error or "")
        assert "secret" not in (task.error or "")
    assert seen == []


def test_a_form_of_url_that_is_never_called_is_refused_at_once(system: Kit) -> None:
    for url in ("ftp://example.org/a.mp4", "http://user:word@example.org/a.mp4", "nonsense"):
        answer = ask(system, "POST", "/api/videos", json={"url": url})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "#/url"
    assert ask(system, "POST", "/api/videos", json={}).status_code == 422
    assert ask(system, "GET", "/api/videos").json()["total"] == 0


def test_a_repeat_under_one_key_makes_one(system: Kit, files: Files) -> None:
    made = set()
    for _ in range(2):
        answer = requests.post(
            f"{system.url}/api/images",
            json={"url": files.url},
            headers={"Authorization": f"Bearer {system.key}", "Idempotency-Key": "one"},
            timeout=30,
        )
        made.add(answer.json()["id"])
    assert len(made) == 1


def test_the_python_client_asks_for_it(system: Kit, files: Files, seen: list[bytes]) -> None:
    with Client(system.url, system.key) as client:
        video = client.upload_video_from(files.url, filename="mine.mp4", then=["checksum"])
        assert (video["filename"], video["size"]) == ("mine.mp4", None)
        assert client.upload_image_from(files.url)["filename"] == "file.mp4"
    system.drain()
    assert seen == [MP4]
