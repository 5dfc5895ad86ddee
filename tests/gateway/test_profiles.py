"""How a video is to be encoded: taken wherever a transcoding is asked for, and refused there if it cannot be."""

import io
import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from broker.broker import Broker
from gateway.config import GatewaySettings
from tests.gateway.conftest import VIDEO_ID
from tests.gateway.media import MP4, PNG
from tests.gateway.problem import pointers
from tests.gateway.test_reprocessing import made
from tests.gateway.tus_client import begun, create, patch

ASKED: dict[str, Any] = {
    "profile": "small", "codec": "av1", "ladder": [720, 360], "quality": "high", "normalize_audio": True,
    "passthrough": True,
}  # fmt: skip
IN_A_FORM = {
    "profile": "small", "codec": "av1", "ladder": "[720, 360]", "quality": "high", "normalize_audio": "true",
    "passthrough": "true",
}  # fmt: skip
#: What is wrong, and where that is told below the payload.
WRONG: list[tuple[dict[str, Any], set[str]]] = [
    ({"profile": "nope"}, {"profile"}),
    ({"profile": "No such"}, {"profile"}),
    ({"codec": "vp9", "quality": "best"}, {"codec", "quality"}),
    ({"ladder": []}, {"ladder"}),
    ({"ladder": [720, 720]}, {"ladder"}),
    ({"ladder": [*range(144, 184, 2)]}, {"ladder"}),
    ({"ladder": [100, 720, 1, 4321, 145, True, "480", 360.5]}, {f"ladder/{at}" for at in (0, 2, 3, 4, 5, 6, 7)}),
    ({"normalize_audio": 1}, {"normalize_audio"}),
    ({"passthrough": 1}, {"passthrough"}),
]


def uploaded(client: FlaskClient, **form: Any) -> TestResponse:
    return client.post("/api/videos", data={"file": (io.BytesIO(MP4), "a.mp4"), **form})


def payloads(client: FlaskClient) -> list[dict[str, Any]]:
    """What each task says beside the video's id."""
    found = [each["payload"] for each in client.get("/api/tasks").json["tasks"]]
    return [{name: value for name, value in each.items() if name != "video_id"} for each in found]


class TestTaken:
    def test_of_a_form(self, client: FlaskClient) -> None:
        assert uploaded(client, **IN_A_FORM).status_code == 201
        assert payloads(client) == [ASKED]

    def test_of_an_upload_by_url(self, client: FlaskClient) -> None:
        response = client.post("/api/videos", json={"url": "https://93.184.215.14/a.mp4", **ASKED})
        assert response.status_code == 201, response.text
        assert payloads(client) == [ASKED]

    def test_of_an_upload_in_pieces(self, client: FlaskClient) -> None:
        assert patch(client, begun(client, **IN_A_FORM), 0, MP4).status_code == 204
        assert payloads(client) == [ASKED]

    def test_of_a_task(self, client: FlaskClient) -> None:
        body = {"type": "VideoTranscoding", "payload": {"video_id": VIDEO_ID, **ASKED}}
        assert client.post("/api/tasks", json=body).status_code == 201
        assert payloads(client) == [ASKED]

    def test_of_another_transcoding(self, client: FlaskClient, broker: Broker) -> None:
        video = made(client, broker)
        assert client.post(f"/api/videos/{video}/reprocess", json={"options": ASKED}).status_code == 201
        assert ASKED in payloads(client)

    def test_it_is_a_part_of_what_is_repeated(self, client: FlaskClient) -> None:
        key = {"Idempotency-Key": "one"}
        first, again, other = (
            client.post("/api/videos", data={"file": (io.BytesIO(MP4), "a.mp4"), "profile": name}, headers=key)
            for name in ("small", "small", "high")
        )
        assert (first.status_code, again.json["id"], other.status_code) == (201, first.json["id"], 422)


class TestRefused:
    @pytest.mark.parametrize(("options", "where"), WRONG)
    def test_of_a_task(self, client: FlaskClient, options: dict[str, Any], where: set[str]) -> None:
        body = {"type": "VideoTranscoding", "payload": {"video_id": VIDEO_ID, **options}}
        assert pointers(client.post("/api/tasks", json=body)) == {f"#/payload/{each}" for each in where}

    @pytest.mark.parametrize(("options", "where"), WRONG)
    def test_of_an_upload_by_url(self, client: FlaskClient, options: dict[str, Any], where: set[str]) -> None:
        response = client.post("/api/videos", json={"url": "https://93.184.215.14/a.mp4", **options})
        assert pointers(response) == {f"#/{each}" for each in where}

    @pytest.mark.parametrize(
        ("form", "where"),
        [
            ({"profile": "nope"}, {"profile"}),
            ({"ladder": "720"}, {"ladder"}),
            ({"ladder": "[" * 5000}, {"ladder"}),
            ({"ladder": "[100, 720]"}, {"ladder/0"}),
            ({"normalize_audio": "1", "codec": "vp9"}, {"normalize_audio", "codec"}),
        ],
    )
    def test_of_a_form_or_pieces_nothing_is_kept(
        self, client: FlaskClient, broker: Broker, form: dict[str, str], where: set[str]
    ) -> None:
        assert pointers(uploaded(client, **form)) == where
        assert pointers(create(client, **form)) == where
        assert payloads(client) == []
        assert list(broker.storage.keys("acme/")) == []

    def test_of_other_transcodings_it_is_told_once(self, client: FlaskClient, broker: Broker) -> None:
        videos = [made(client, broker) for _ in range(2)]
        body = {"options": {"profile": "nope"}}
        assert pointers(client.post(f"/api/videos/{videos[0]}/reprocess", json=body)) == {"#/payload/profile"}
        for dry_run in (True, False):
            response = client.post("/api/videos/reprocess", json=body | {"filter": {}, "dry_run": dry_run})
            assert pointers(response) == {"#/payload/profile"}

    def test_an_image_has_none(self, client: FlaskClient) -> None:
        response = client.post("/api/images", data={"file": (io.BytesIO(PNG), "a.png"), "profile": "small"})
        assert pointers(response) == {"profile"}


def test_the_view_tells_how_it_was_encoded(client: FlaskClient, broker: Broker) -> None:
    video = made(client, broker)
    shown = client.get(f"/api/videos/{video}").json
    assert (shown["profile"], shown["encoder"]) == (None, None)  # of an earlier release
    broker.redis.hset(broker.keys.media(video), mapping={"info:profile": '"small"', "info:encoder": '"libx264"'})
    shown = client.get(f"/api/videos/{video}").json
    assert (shown["profile"], shown["encoder"]) == ("small", "libx264")


class TestListed:
    def test_those_that_come_with_the_product(self, client: FlaskClient) -> None:
        found = client.get("/api/profiles").json["profiles"]
        assert [(each["name"], each["default"]) for each in found] == [
            ("default", True),
            *((name, False) for name in ("av1", "hevc", "high", "small")),
        ]
        assert found[0] == {
            "name": "default",
            "default": True,
            "codec": "h264",
            "ladder": [360, 480, 720, 1080],
            "quality": "standard",
            "normalize_audio": False,
        }

    def test_the_operators_and_the_one_that_is_usual(self) -> None:
        """As the settings have them, whichever process reads them."""
        given = {"mobile": {"ladder": [240], "codec": "hevc"}, "small": {"ladder": [144]}}
        environ = {"API_KEYS": f"acme:{16 * 'k'}", "VIDEO_PROFILES": json.dumps(given), "VIDEO_PROFILE": "mobile"}
        settings = GatewaySettings.from_env(environ)
        assert (settings.video_profile, settings.video_profiles["small"].ladder) == ("mobile", (144,))
        assert sorted(settings.video_profiles) == ["av1", "default", "hevc", "high", "mobile", "small"]
