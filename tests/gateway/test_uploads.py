"""POST /api/videos and /api/images: bytes, record and task come into being together, or none of them does."""

import hashlib
import io
import tracemalloc
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from broker.broker import Broker
from broker.errors import Unavailable
from gateway.app import create_app
from gateway.config import GatewaySettings
from tests.gateway.conftest import MAX_UPLOAD_BYTES
from tests.gateway.media import MP3, MP4, PNG, TEXT, unsigned, upload
from tests.gateway.problem import pointers, problem
from tests.gateway.work import complete, fail

KINDS = [
    pytest.param("/api/videos", MP4, "VideoTranscoding", "video/mp4", id="video"),
    pytest.param("/api/images", PNG, "EmbeddingGeneration", "image/png", id="image"),
]


def stored(broker: Broker, tenant: str = "acme") -> list[str]:
    return list(broker.storage.keys(f"{tenant}/"))


@pytest.mark.parametrize(("path", "content", "task_type", "content_type"), KINDS)
def test_an_upload_stores_the_file_and_queues_its_task(
    client: FlaskClient, broker: Broker, path: str, content: bytes, task_type: str, content_type: str
) -> None:
    response = upload(client, path, content, "Holiday.bin")
    assert response.status_code == 201
    media = response.json
    assert response.headers["Location"] == f"{path}/{media['id']}"
    assert (media["filename"], media["content_type"], media["size"]) == ("Holiday.bin", content_type, len(content))
    assert (media["status"], media["progress"], media["error"]) == ("pending", None, None)
    task = client.get(f"/api/tasks/{media['task_id']}").json
    assert (task["type"], task["status"], task["created_at"]) == (task_type, "pending", media["created_at"])
    assert media["id"] in task["payload"].values()
    with broker.storage.open(f"acme/{media['id']}/source") as file:
        assert file.read() == content
    shown = client.get(response.headers["Location"]).json
    assert unsigned(shown) == unsigned(media)


@pytest.mark.parametrize(("path", "content", "task_type", "content_type"), KINDS)
def test_the_list_shows_uploads_newest_first(
    client: FlaskClient, path: str, content: bytes, task_type: str, content_type: str
) -> None:
    ids = [upload(client, path, content).json["id"] for _ in range(3)][::-1]
    members = path.rpartition("/")[2]
    page = client.get(f"{path}?limit=2&offset=1").json
    assert [each["id"] for each in page[members]] == ids[1:]
    assert (page["total"], page["limit"], page["offset"]) == (3, 2, 1)
    assert {"total": 3, "limit": 50, "offset": 0}.items() <= client.get(path).json.items()
    assert pointers(client.get(f"{path}?limit=0&status=completed")) == {"limit", "status"}


@pytest.mark.parametrize("content", [PNG, MP3, TEXT, b"\x00" * 500, b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"x"])
def test_a_file_that_is_no_video_is_refused_whatever_its_name(
    client: FlaskClient, broker: Broker, content: bytes
) -> None:
    problem(upload(client, "/api/videos", content, "movie.mp4"), 415, "unsupported_media_type")
    assert stored(broker) == []
    assert client.get("/api/tasks").json["total"] == 0


def test_the_refusal_says_what_the_file_is(client: FlaskClient) -> None:
    assert "an image (image/png), not a video" in upload(client, "/api/videos", PNG).json["detail"]
    assert "a video (video/mp4), not an image" in upload(client, "/api/images", MP4).json["detail"]


def test_the_size_limit_is_exact(client: FlaskClient, broker: Broker) -> None:
    largest = MP4.ljust(MAX_UPLOAD_BYTES, b"\0")
    assert upload(client, "/api/videos", largest).json["size"] == MAX_UPLOAD_BYTES
    refused = problem(upload(client, "/api/videos", largest + b"\0"), 413, "too_large")
    assert refused["max_bytes"] == MAX_UPLOAD_BYTES
    problem(upload(client, "/api/videos", MP4.ljust(4 * MAX_UPLOAD_BYTES, b"\0")), 413, "too_large")
    assert len(stored(broker)) == 1


@pytest.mark.parametrize(
    ("form", "where"),
    [
        ({}, {"file"}),
        ({"file": "text"}, {"file"}),
        ({"upload": (io.BytesIO(MP4), "a.mp4")}, {"file", "upload"}),
        ({"file": (io.BytesIO(b""), "a.mp4")}, {"file"}),
        ({"file": [(io.BytesIO(MP4), "a.mp4"), (io.BytesIO(MP4), "b.mp4")]}, {"file"}),
        ({"file": (io.BytesIO(MP4), "a.mp4"), "title": "Holiday"}, {"title"}),
    ],
)
def test_a_form_that_is_not_one_file(
    client: FlaskClient, broker: Broker, form: dict[str, Any], where: set[str]
) -> None:
    response = client.post("/api/videos", data=form, content_type="multipart/form-data")
    assert pointers(response) == where
    assert stored(broker) == []


def test_a_form_of_too_many_parts_is_told_so(client: FlaskClient) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'
    body = part * 1001 + b"--x--\r\n"
    response = client.post("/api/videos", data=body, content_type="multipart/form-data; boundary=x")
    told = problem(response, 413, "too_large")
    assert "more than 1000 parts" in told["detail"]
    assert "max_bytes" not in told


@pytest.mark.parametrize("content_type", ["video/mp4", "application/octet-stream", "application/ld+json", ""])
def test_a_body_that_is_no_form(client: FlaskClient, content_type: str) -> None:
    problem(client.post("/api/videos", data=MP4, content_type=content_type), 415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"anything"),
        ("multipart/form-data; boundary=", b"anything"),
        ("multipart/form-data; boundary=\xe9", b"anything"),
        ("multipart/form-data; boundary=x", b"no boundary in it"),
        ("multipart/form-data; boundary=x", b""),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\ncut off',
        ),
        ("multipart/form-data; boundary=x", b"--x\r\nno header\r\n\r\nbody\r\n--x--"),
        ("multipart/form-data; boundary=x", b"--x" * 50_000),
        ("multipart/form-data; boundary=" + "y" * 5000, b"--" + b"y" * 5000),
    ],
)
def test_a_form_that_is_broken(client: FlaskClient, broker: Broker, content_type: str, body: bytes) -> None:
    response = client.post("/api/videos", data=body, content_type=content_type)
    assert response.status_code in (400, 422), response.text
    problem(response, response.status_code, "invalid_multipart" if response.status_code == 400 else "invalid_content")
    assert stored(broker) == []


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\\\Users\\\\me\\\\Holiday.mp4", "Holiday.mp4"),
        ("a\u202eb\tc.mp4", "abc.mp4"),
        ("x" * 300, "x" * 255),
        ("  ", "video"),
        ("Ã¼ 映画 🎬.mp4", "Ã¼ 映画 🎬.mp4"),
        ("rapport\u00a0annuel\u3000at 3.04\u202fPM.mp4", "rapport annuel at 3.04 PM.mp4"),
        ("cafe\u0301 \u1112\u1161\u11ab.mp4", "caf\u00e9 \ud55c.mp4"),
        ("<script>.mp4", "<script>.mp4"),
    ],
)
def test_a_name_is_text_and_never_a_path(client: FlaskClient, sent: str, kept: str) -> None:
    assert upload(client, "/api/videos", MP4, sent).json["filename"] == kept


def test_a_repeated_upload_is_stored_once(client: FlaskClient, broker: Broker) -> None:
    first = upload(client, "/api/videos", MP4, "a.mp4", Idempotency_Key="k")
    again = upload(client, "/api/videos", MP4, "a.mp4", Idempotency_Key="k")
    assert (again.status_code, again.data) == (201, first.data)
    problem(upload(client, "/api/videos", MP4 + b"x", "a.mp4", Idempotency_Key="k"), 422, "idempotency_key_reused")
    problem(upload(client, "/api/videos", MP4, "b.mp4", Idempotency_Key="k"), 422, "idempotency_key_reused")
    assert len(stored(broker)) == client.get("/api/videos").json["total"] == 1


def test_a_refused_task_takes_its_bytes_along(
    client: FlaskClient, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker.tasks, "settings", replace(broker.settings, max_pending=1))
    upload(client, "/api/videos", MP4)
    problem(upload(client, "/api/videos", MP4), 429, "queue_full")
    assert len(stored(broker)) == client.get("/api/videos").json["total"] == 1


def test_a_lost_reply_does_not(client: FlaskClient, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    submit = broker.tasks.submit

    def lose(*arguments: Any, **options: Any) -> None:
        submit(*arguments, **options)
        raise Unavailable("The reply was lost.", retry_after=1)

    monkeypatch.setattr(broker.tasks, "submit", lose)
    problem(upload(client, "/api/videos", MP4, Idempotency_Key="k"), 503, "unavailable")
    assert len(stored(broker)) == 1
    monkeypatch.undo()
    assert upload(client, "/api/videos", MP4, Idempotency_Key="k").status_code == 201
    assert len(stored(broker)) == client.get("/api/videos").json["total"] == client.get("/api/tasks").json["total"] == 1


def test_storage_that_cannot_be_used(client: FlaskClient, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise Unavailable("The media storage cannot be used right now.")

    monkeypatch.setattr(broker.storage, "put", fail)
    response = upload(client, "/api/videos", MP4)
    problem(response, 503, "unavailable")
    assert int(response.headers["Retry-After"]) >= 1
    assert client.get("/api/tasks").json["total"] == 0


@pytest.fixture
def roomy(broker: Broker, gateway_settings: GatewaySettings) -> Flask:
    return create_app(GatewaySettings(gateway_settings.tenants, "secret", 1024**3), broker, {})


def test_a_large_file_never_lies_in_memory(roomy: Flask, broker: Broker) -> None:
    size = 64 * 1024 * 1024
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n' + MP4
    tail = b"\r\n--x--\r\n"

    class Form(io.RawIOBase):
        position = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            whole = len(head) + size + len(tail)
            count = min(len(buffer), whole - self.position)
            part = bytearray(count)
            for at, text in ((0, head), (whole - len(tail), tail)):
                for index in range(max(at, self.position), min(at + len(text), self.position + count)):
                    part[index - self.position] = text[index - at]
            buffer[:count] = part
            self.position += count
            return count

    environ = {
        "wsgi.input": Form(),
        "wsgi.input_terminated": True,
        "CONTENT_TYPE": "multipart/form-data; boundary=x",
        "HTTP_AUTHORIZATION": "Bearer acme-key",
    }
    tracemalloc.start()
    try:
        response = roomy.test_client().post("/api/videos", environ_overrides=environ)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert response.status_code == 201, response.text
    assert response.json["size"] == len(MP4) + size
    with broker.storage.open(f"acme/{response.json['id']}/source") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == hashlib.sha256(MP4 + bytes(size)).hexdigest()  # type: ignore[arg-type]
    assert peak < 8 * 1024 * 1024


class TestThen:
    """What is asked to follow an upload's own task."""

    def test_it_is_accepted_with_the_upload_and_waits_for_its_task(self, client: FlaskClient, broker: Broker) -> None:
        video = _upload_then(client, '["checksum", "embedding"]').json
        assert video["flow"] == video["id"]
        assert client.get(f"/api/videos/{video['id']}").json["flow"] == video["id"]
        tasks = client.get(f"/api/tasks?flow={video['flow']}").json["tasks"]
        assert [each["type"] for each in tasks[::-1]] == ["VideoTranscoding", "PluginExecution", "EmbeddingGeneration"]
        plugin, embedding = tasks[1], tasks[0]
        assert plugin["payload"] == {"plugin_name": "checksum", "media_id": video["id"], "tenant_id": "acme"}
        assert embedding["payload"] == {"entity_type": "video", "entity_id": video["id"]}
        assert plugin["waiting_for"] == embedding["waiting_for"] == [video["task_id"]]
        assert [complete(broker) for _ in range(3)] == [video["task_id"], plugin["id"], embedding["id"]]
        assert client.get(f"/api/flows/{video['flow']}").json["status"] == "completed"

    def test_it_is_cancelled_with_the_uploads_task(self, client: FlaskClient, broker: Broker) -> None:
        video = _upload_then(client, '["checksum"]').json
        fail(broker)
        shown = client.get(f"/api/flows/{video['flow']}").json
        assert (shown["status"], shown["by_status"]["cancelled"]) == ("failed", 1)

    def test_an_image_is_searchable_by_its_own_task(self, client: FlaskClient) -> None:
        image = _upload_then(client, '["checksum"]', "/api/images", PNG).json
        assert client.get(f"/api/flows/{image['flow']}").json["total"] == 2
        assert pointers(_upload_then(client, '["embedding"]', "/api/images", PNG)) == {"then/0"}

    def test_an_upload_without_it_has_no_flow(self, client: FlaskClient) -> None:
        video = upload(client, "/api/videos", MP4).json
        assert video["flow"] is None
        assert client.get(f"/api/tasks/{video['task_id']}").json["flow"] is None

    @pytest.mark.parametrize(
        ("then", "pointer"),
        [
            *[(text, "then") for text in ("", "checksum", "{}", "[]", '["checksum", 1]', "[" * 10_000, "[NaN", '"x"')],
            *[('["nonsense"]', "then/0"), ('["checksum", "checksum"]', "then/1"), ('["assembly_ai"]', "then/0")],
            (str(["checksum"] * 21).replace("'", '"'), "then"),
        ],
    )
    def test_what_cannot_follow_is_refused_and_nothing_is_stored(
        self, client: FlaskClient, broker: Broker, then: str, pointer: str
    ) -> None:
        assert pointers(_upload_then(client, then)) == {pointer}
        assert stored(broker) == []
        assert client.get("/api/tasks").json["total"] == 0

    def test_it_is_no_file_and_comes_once(self, client: FlaskClient) -> None:
        for then in ((io.BytesIO(b'["checksum"]'), "then.json"), ['["checksum"]'] * 2):
            data = {"file": (io.BytesIO(MP4), "x"), "then": then}
            assert pointers(client.post("/api/videos", data=data)) == {"then"}

    def test_a_repeated_request_makes_nothing_twice_and_another_is_refused(self, client: FlaskClient) -> None:
        key = {"Idempotency-Key": "k"}
        first, again = (_upload_then(client, '["checksum"]', headers=key) for _ in range(2))
        assert first.json == again.json
        assert client.get("/api/tasks").json["total"] == 2
        assert _upload_then(client, '["embedding"]', headers=key).status_code == 422


def _upload_then(
    client: FlaskClient, then: str, path: str = "/api/videos", content: bytes = MP4, headers: Any = None
) -> TestResponse:
    data = {"file": (io.BytesIO(content), "x"), "then": then}
    return client.post(path, data=data, headers=headers or {})
