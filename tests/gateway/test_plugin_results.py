"""Guards that what plugins made of a file is found with the file, and opens by its link alone."""

import io
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from broker.broker import Broker
from broker.engine.transitions import Claimed
from broker.errors import PermanentError
from broker.media.paths import plugin_file
from broker.worker.child_state import ChildState
from broker.worker.run import RunContext
from tests.gateway.media import MP4, PNG, upload
from tests.gateway.problem import problem
from tests.gateway.work import complete

TASK_ID = "11111111-1111-4111-8111-111111111111"
JPEG = b"\xff\xd8\xff" + bytes(range(200))


def keep(broker: Broker, media_id: str, name: str, data: bytes = JPEG) -> None:
    broker.storage.put(plugin_file("acme", media_id, "thumbnail", TASK_ID, name), io.BytesIO(data))


@pytest.mark.parametrize(("path", "body"), [("/api/videos", MP4), ("/api/images", PNG)])
def test_answers_and_files_are_shown_with_the_file(
    client: FlaskClient, anonymous: FlaskClient, broker: Broker, path: str, body: bytes
) -> None:
    media_id = upload(client, path, body).json["id"]
    assert client.get(f"{path}/{media_id}").json["plugins"] == {}
    keep(broker, media_id, "small.jpg")
    notes = {
        "plugin:thumbnail": {"task_id": TASK_ID, "data": None, "files": [{"name": "small.jpg", "size": len(JPEG)}]},
        "plugin:checksum": {"task_id": TASK_ID, "data": {"size": 7}, "files": []},
    }
    complete(broker, {}, media_id, **notes)
    shown = client.get(f"{path}/{media_id}").json["plugins"]
    assert shown["checksum"] == notes["plugin:checksum"]
    (file,) = shown["thumbnail"]["files"]
    assert (file["name"], file["size"]) == ("small.jpg", len(JPEG))
    served = anonymous.get(file["url"])
    assert (served.data, served.content_type) == (JPEG, "image/jpeg")
    assert served.headers["X-Content-Type-Options"] == "nosniff"
    assert anonymous.get(file["url"], headers={"Range": "bytes=3-4"}).data == b"\x00\x01"
    assert anonymous.get(file["url"] + "?download=1").data == JPEG
    assert anonymous.get(file["url"], headers={"Range": "bytes=-999"}).data == JPEG


def test_a_link_opens_the_files_of_plugins_on_its_own_media_and_nothing_else(
    client: FlaskClient, anonymous: FlaskClient, broker: Broker
) -> None:
    media_id, other = (upload(client, "/api/images", body).json["id"] for body in (PNG, PNG + b" "))
    for each in (media_id, other):
        keep(broker, each, "small.jpg")
        keep(broker, each, "page.html", b"<script>")
    complete(
        broker,
        {},
        media_id,
        **{"plugin:thumbnail": {"task_id": TASK_ID, "data": {}, "files": [{"name": "small.jpg", "size": 1}]}},
    )
    link = client.get(f"/api/images/{media_id}").json["plugins"]["thumbnail"]["files"][0]["url"]
    assert anonymous.get(link).status_code == 200
    for wrong in (
        link.replace(media_id, other),
        link.replace("small.jpg", "page.html"),
        link.replace("small.jpg", "other.jpg"),
        link.replace("thumbnail", ".."),
        link.replace(TASK_ID, media_id),
        link.replace("/files/", "/files/x"),
    ):
        problem(anonymous.get(wrong), 404, "not_found")


def run_context(broker: Broker, tenant: str = "acme") -> RunContext:
    return RunContext(broker, ChildState(), Claimed(TASK_ID, "PluginExecution", tenant, "{}", 1, 60, 0, ""), "x", 1e9)


def test_a_service_that_a_worker_sends_to_the_gateway_gets_the_uploaded_file(
    client: FlaskClient, anonymous: FlaskClient, broker: Broker
) -> None:
    media_id, other = (upload(client, "/api/images", body).json["id"] for body in (PNG, PNG + b" "))
    url = run_context(broker).source_url(media_id)
    assert url.startswith(f"https://tasks.example.com/api/media/{media_id}/source/")
    path = url.removeprefix("https://tasks.example.com")
    served = anonymous.get(path)
    assert (served.data, served.content_type) == (PNG, "image/png")
    assert anonymous.get(f"{path}?utm_source=x").data == PNG
    assert served.headers["Content-Disposition"].startswith('attachment; filename="file.bin"')
    problem(anonymous.get(path.replace(media_id, other)), 404, "not_found")
    rival = run_context(broker, "rival").source_url(media_id).removeprefix("https://tasks.example.com")
    problem(anonymous.get(rival), 404, "not_found")


def test_a_pdf_is_shown_by_browsers_and_nothing_else_is(client: FlaskClient, anonymous: FlaskClient) -> None:
    """A page of a stranger's would run in the name of this origin, with the keys that it knows."""
    pdf = upload(client, "/api/documents", b"%PDF-1.7\n<script>", "Über 1/2 #3.pdf").json
    shown = anonymous.get(pdf["view_url"])
    assert (shown.data, shown.content_type) == (b"%PDF-1.7\n<script>", "application/pdf")
    assert pdf["view_url"].endswith("/2%20%233.pdf")
    assert shown.headers["Content-Disposition"] == "inline; filename=\"2 #3.pdf\"; filename*=UTF-8''2%20#3.pdf"
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert shown.headers["Referrer-Policy"] == "no-referrer"
    policy = dict(each.split(" ", 1) for each in shown.headers["Content-Security-Policy"].split("; "))
    assert (policy["default-src"], policy["frame-ancestors"]) == ("'none'", "'none'")
    assert "script-src" not in policy
    assert anonymous.get(pdf["source_url"]).headers["Content-Disposition"].startswith("attachment; ")
    for content, path in ((b"<!doctype html><p>Hello", "documents"), (b"Hello", "documents"), (PNG, "images")):
        other = upload(client, f"/api/{path}", content, "a.pdf").json
        assert other.get("view_url") is None
        problem(anonymous.get(f"{other['source_url']}/a.pdf"), 404, "not_found")


def test_a_link_for_players_does_not_open_the_uploaded_file(client: FlaskClient, anonymous: FlaskClient) -> None:
    video = upload(client, "/api/videos", MP4).json
    signature = video["hls_url"].split("/")[-2]
    problem(anonymous.get(f"/api/media/{video['id']}/source/{signature}"), 404, "not_found")


@pytest.mark.parametrize("missing", ["public_url", "secret_key"])
def test_without_settings_there_are_no_links(broker: Broker, missing: str) -> None:
    other = Broker(replace(broker.settings, **{missing: ""}), broker.types)
    with pytest.raises(PermanentError, match="has to set PUBLIC_URL and SECRET_KEY"):
        run_context(other).source_url(TASK_ID)
