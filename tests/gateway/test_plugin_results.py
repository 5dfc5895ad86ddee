"""Guards that what plugins made of a file is found with the file, and opens by its link alone."""

import io

import pytest
from flask.testing import FlaskClient

from broker.broker import Broker
from broker.plugin import file_key
from tests.gateway.media import MP4, PNG, upload
from tests.gateway.problem import problem
from tests.gateway.work import complete

TASK_ID = "11111111-1111-4111-8111-111111111111"
JPEG = b"\xff\xd8\xff" + bytes(range(200))


def keep(broker: Broker, media_id: str, name: str, data: bytes = JPEG) -> None:
    broker.storage.put(file_key("acme", media_id, "thumbnail", TASK_ID, name), io.BytesIO(data))


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
