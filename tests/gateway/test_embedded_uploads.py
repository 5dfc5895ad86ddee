"""Everything that is uploaded is searchable by itself, unless it is to be left out, and its view says which."""

import base64
import io
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from broker.broker import Broker
from gateway.app import create_app
from gateway.config import GatewaySettings
from handlers.plugins.checksum import Checksum
from tests.gateway.contract import ContractClient
from tests.gateway.media import MP3, MP4, PNG, TEXT, unsigned
from tests.gateway.problem import pointers, problem
from tests.gateway.work import complete, fail

KINDS = {
    "image": ("/api/images", PNG, "image/png"),
    "audio": ("/api/audios", MP3, "audio/mpeg"),
    "document": ("/api/documents", TEXT, "text/plain"),
}


@pytest.fixture
def all_embedded(broker: Broker, gateway_settings: GatewaySettings) -> FlaskClient:
    """A gateway as it comes."""
    made: Flask = create_app(GatewaySettings(gateway_settings.tenants, "secret"), broker, {"checksum": Checksum()})
    made.test_client_class = ContractClient
    client = made.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = "Bearer acme-key"
    return client


def post(client: FlaskClient, path: str, content: bytes, name: str = "file.bin", **words: str) -> TestResponse:
    return client.post(path, data={"file": (io.BytesIO(content), name), **words})


def types(client: FlaskClient) -> list[str]:
    return sorted(each["type"] for each in client.get("/api/tasks").json["tasks"])


@pytest.mark.parametrize(("path", "content", "content_type"), KINDS.values(), ids=KINDS)
def test_every_kind_is_embedded_by_its_own_task(
    all_embedded: FlaskClient, broker: Broker, path: str, content: bytes, content_type: str
) -> None:
    media = post(all_embedded, path, content).json
    assert media["content_type"] == content_type
    assert (media["index"]["status"], media["index"]["task_id"]) == ("waiting", media["task_id"])
    done(broker, media["id"], {"vectors": 3, "cut_off": True, "ocr_pages": 2})
    shown = all_embedded.get(f"{path}/{media['id']}").json["index"]
    assert (shown["status"], shown["model"], shown["vectors"], shown["cut_off"]) == ("indexed", "m", 3, True)
    assert (shown["ocr_pages"], shown["ocr_pages_left_out"]) == (2, 0)
    assert all_embedded.get(path).json["total"] == 1
    assert all_embedded.delete(f"{path}/{media['id']}").status_code == 204
    problem(all_embedded.get(f"{path}/{media['id']}"), 404, "not_found")
    assert list(broker.storage.keys(f"acme/{media['id']}/")) in ([], [f"acme/{media['id']}/source"])  # swept later


def done(broker: Broker, media_id: str, index: dict[str, Any]) -> None:
    complete(broker, media_id=media_id, embedding_model="m", index=index)


def test_what_another_task_has_embedded_is_completed_whatever_became_of_the_uploads(
    all_embedded: FlaskClient, broker: Broker
) -> None:
    image = post(all_embedded, "/api/images", PNG).json
    fail(broker, "no memory")
    seen: Any = all_embedded.get(f"/api/images/{image['id']}").json
    assert (seen["status"], seen["error"], seen["index"]["error"]) == ("failed", "no memory", "no memory")
    again = {"type": "EmbeddingGeneration", "payload": {"entity_type": "image", "entity_id": image["id"]}}
    assert all_embedded.post("/api/tasks", json=again).status_code == 201
    done(broker, image["id"], {"vectors": 1})
    seen = all_embedded.get(f"/api/images/{image['id']}").json
    assert (seen["status"], seen["error"]) == ("completed", None)
    assert (seen["index"]["status"], seen["index"]["error"]) == ("indexed", None)


def test_a_video_is_embedded_beside_its_transcoding_whatever_becomes_of_that(
    all_embedded: FlaskClient, broker: Broker
) -> None:
    video = post(all_embedded, "/api/videos", MP4).json
    assert types(all_embedded) == ["EmbeddingGeneration", "VideoTranscoding"]
    assert video["flow"] is None
    embedding = all_embedded.get(f"/api/tasks/{video['index']['task_id']}").json
    assert embedding["payload"] == {"entity_type": "video", "entity_id": video["id"]}
    assert embedding["depends_on"] == []
    while fail(broker) != video["task_id"]:
        pass
    assert all_embedded.get(f"/api/videos/{video['id']}").json["status"] == "failed"


def test_who_asks_for_it_after_the_transcoding_gets_it_then_and_once(all_embedded: FlaskClient) -> None:
    video = post(all_embedded, "/api/videos", MP4, then='["embedding"]').json
    assert types(all_embedded) == ["EmbeddingGeneration", "VideoTranscoding"]
    assert all_embedded.get(f"/api/tasks/{video['index']['task_id']}").json["waiting_for"] == [video["task_id"]]


@pytest.mark.parametrize(("path", "content", "content_type"), KINDS.values(), ids=KINDS)
def test_what_is_left_out_is_kept_without_a_task_and_says_so(
    all_embedded: FlaskClient, broker: Broker, path: str, content: bytes, content_type: str
) -> None:
    media = post(all_embedded, path, content, embed="false", tags='["mine"]').json
    assert (media["task_id"], media["status"], media["index"]["status"]) == (None, "completed", "left_out")
    assert types(all_embedded) == []
    assert unsigned(media) == unsigned(all_embedded.get(f"{path}/{media['id']}").json)
    assert media["tags"] == ["mine"]
    assert int(broker.redis.hget(broker.keys.stored(), "acme")) == len(content)
    followed = post(all_embedded, path, content, embed="false", then='["checksum"]').json
    assert types(all_embedded) == ["PluginExecution"]
    assert followed["flow"] == followed["id"]


def test_a_video_is_left_out_where_its_form_or_the_operator_says_so(
    all_embedded: FlaskClient, client: FlaskClient
) -> None:
    assert post(all_embedded, "/api/videos", MP4, embed="false").json["index"]["status"] == "left_out"
    assert post(client, "/api/videos", MP4).json["index"]["status"] == "left_out"
    assert types(client) == ["VideoTranscoding"] * 2
    assert post(client, "/api/videos", MP4, embed="true").json["index"]["status"] == "waiting"
    assert pointers(post(client, "/api/videos", MP4, embed="no")) == {"embed"}


def test_a_repeated_upload_that_is_left_out_is_stored_once(all_embedded: FlaskClient, broker: Broker) -> None:
    def send(embed: str) -> TestResponse:
        form = {"file": (io.BytesIO(PNG), "a.png"), "embed": embed}
        return all_embedded.post("/api/images", data=form, headers={"Idempotency-Key": "k"})

    assert send("false").data == send("false").data
    problem(send("true"), 422, "idempotency_key_reused")
    assert len(list(broker.storage.keys("acme/"))) == all_embedded.get("/api/images").json["total"] == 1


def test_a_quota_holds_for_what_has_no_task(
    broker: Broker, all_embedded: FlaskClient, client_of: Callable[[str], FlaskClient]
) -> None:
    quotas = {"stored_bytes": len(PNG) + 1}
    assert client_of("ops").put("/api/tenants/acme", json={"quotas": quotas}).status_code == 200
    assert post(all_embedded, "/api/images", PNG, embed="false").status_code == 201
    problem(post(all_embedded, "/api/images", PNG, embed="false"), 507, "quota_exceeded")
    assert len(list(broker.storage.keys("acme/"))) == 1


@pytest.mark.parametrize(
    ("name", "content", "content_type"),
    [
        ("a.md", b"# Title", "text/markdown"),
        ("a.html", b"<!doctype html><p>Hi", "text/html"),
        ("a.pdf", b"%PDF-1.7\n", "application/pdf"),
        ("a.srt", b"1\n00:00:01,000 --> 00:00:02,000\nHi\n", "application/x-subrip"),
        ("a.vtt", b"WEBVTT\n\n00:01.000 --> 00:02.000\nHi\n", "text/vtt"),
    ],
)
def test_documents_are_told_apart(all_embedded: FlaskClient, name: str, content: bytes, content_type: str) -> None:
    assert post(all_embedded, "/api/documents", content, name).json["content_type"] == content_type
    said = problem(post(all_embedded, "/api/audios", content, name), 415, "unsupported_media_type")
    assert f"a document ({content_type.replace('markdown', 'plain')}), not an audio file" in said["detail"]


def test_a_resumable_upload_is_asked_alike(all_embedded: FlaskClient) -> None:
    def send(**words: str) -> Any:
        told = {"filename": "a.md", "kind": "document", **words}
        metadata = ",".join(f"{name} {base64.b64encode(word.encode()).decode()}" for name, word in told.items())
        headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "7", "Upload-Metadata": metadata}
        headers["Content-Type"] = "application/offset+octet-stream"
        made = all_embedded.post("/api/uploads", data=b"# Title", headers=headers).json
        return all_embedded.get(made["media_url"]).json

    assert (send()["content_type"], send()["index"]["status"]) == ("text/markdown", "waiting")
    assert send(embed="false")["index"]["status"] == "left_out"
