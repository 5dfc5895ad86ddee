"""Captions over HTTP: added at any time, found in the playlist by whoever opens the video, and gone when taken away."""

import io
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from broker.broker import Broker
from broker.media import paths
from broker.status import Status
from broker.task import Task
from broker.tasks.task_filters import Wanted
from tests.gateway.conftest import VIDEO_ID, ClientOf
from tests.gateway.media import MP4, PNG, upload
from tests.gateway.problem import problem
from tests.gateway.work import complete

SRT = "1\n00:00:01,000 --> 00:00:02,500\nHello\n"
MASTER = b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000\n360p/index.m3u8\n"


@pytest.fixture
def video(client: FlaskClient) -> str:
    """The path of one that waits to be transcoded."""
    return str(upload(client, "/api/videos", MP4).headers["Location"])


def add(client: FlaskClient, video: str, text: str = SRT, **form: str) -> TestResponse:
    data = {"file": (io.BytesIO(text.encode()), "captions.srt"), "language": "en", **form}
    return client.post(f"{video}/captions", data=data)


def transcoded(client: FlaskClient, broker: Broker, video: str) -> dict[str, Any]:
    video_id = video.rpartition("/")[2]
    broker.storage.put(f"acme/{video_id}/hls/master.m3u8", io.BytesIO(MASTER))
    complete(broker, {}, video_id, duration_seconds=6.5, variants=[])
    return dict(client.get(video).json)


def test_captions_that_are_added_before_the_video_is_made_are_in_its_playlist(
    client: FlaskClient, anonymous: FlaskClient, broker: Broker, video: str
) -> None:
    response = add(client, video, label='English "plain"')
    assert response.status_code == 201
    added = response.json
    shown = transcoded(client, broker, video)
    assert [each["id"] for each in shown["captions"]] == [added["id"]]
    master = anonymous.get(shown["hls_url"]).text
    assert master.splitlines() == [
        "#EXTM3U",
        '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="captions",NAME="English \'plain\'",LANGUAGE="en",'
        f'DEFAULT=NO,AUTOSELECT=YES,FORCED=NO,URI="captions/{added["id"]}.m3u8"',
        '#EXT-X-STREAM-INF:BANDWIDTH=1000,SUBTITLES="captions"',
        "360p/index.m3u8",
    ]
    base = shown["hls_url"].removesuffix("master.m3u8")
    playlist = anonymous.get(f"{base}captions/{added['id']}.m3u8")
    assert playlist.content_type == "application/vnd.apple.mpegurl"
    assert re.findall(r"#EXTINF:([\d.]+),\n(.+)", playlist.text) == [("6.500", f"{added['id']}.vtt")]
    text = anonymous.get(f"{base}captions/{added['id']}.vtt")
    assert (text.content_type, text.text) == (
        "text/vtt; charset=utf-8",
        "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n\n00:00:01.000 --> 00:00:02.500\nHello\n",
    )
    assert anonymous.get(shown["captions"][0]["url"]).text == text.text


def test_what_is_taken_away_is_in_no_playlist_and_leaves_nothing(
    client: FlaskClient, anonymous: FlaskClient, broker: Broker, video: str
) -> None:
    added = add(client, video).json
    shown = transcoded(client, broker, video)
    with_them = anonymous.get(shown["hls_url"])
    assert client.delete(f"{video}/captions/{added['id']}").status_code == 204
    without = anonymous.get(shown["hls_url"], headers={"If-None-Match": with_them.headers["ETag"]})
    assert (without.status_code, without.data) == (200, MASTER)
    for ending in ("m3u8", "vtt"):
        problem(
            anonymous.get(shown["hls_url"].replace("master.m3u8", f"captions/{added['id']}.{ending}")), 404, "not_found"
        )
    assert client.get(f"{video}/captions").json == {"captions": []}
    assert not [key for key in broker.storage.keys("acme/") if paths.CAPTIONS in key]
    problem(client.delete(f"{video}/captions/{added['id']}"), 404, "not_found")


def test_each_has_a_name_of_its_own_for_players(
    client: FlaskClient, anonymous: FlaskClient, broker: Broker, video: str
) -> None:
    for language in ("en", "en", "de"):
        add(client, video, language=language, label="Text")
    listed = client.get(f"{video}/captions").json["captions"]
    assert [(each["language"], each["label"], each["source"], each["cues"]) for each in listed] == [
        ("de", "Text", "upload", 1),
        ("en", "Text", "upload", 1),
        ("en", "Text", "upload", 1),
    ]
    master = anonymous.get(transcoded(client, broker, video)["hls_url"]).text
    assert re.findall('NAME="([^"]+)"', master) == ["Text", "Text (2)", "Text (3)"]


def test_what_is_wrong_is_refused_with_its_line_and_leaves_nothing(
    client: FlaskClient, broker: Broker, video: str
) -> None:
    body = problem(add(client, video, SRT + "\n2\nat once\nHi\n"), 422, "invalid_captions")
    assert (body["line"], body["errors"][0]["pointer"]) == (5, "file")
    for form in ({"language": "english!"}, {"language": "en", "label": ""}):
        problem(add(client, video, **form), 422, "invalid_content")
    assert client.get(f"{video}/captions").json == {"captions": []}
    assert not [key for key in broker.storage.keys("acme/") if paths.CAPTIONS in key]


def test_a_video_has_so_many_at_most(client: FlaskClient, broker: Broker, video: str, monkeypatch: Any) -> None:
    monkeypatch.setattr("broker.captions.captions.MAX_CAPTIONS", 2)
    first = add(client, video).json
    add(client, video)
    problem(add(client, video), 409, "too_many_captions")
    assert len([key for key in broker.storage.keys("acme/") if paths.CAPTIONS in key]) == 2
    client.delete(f"{video}/captions/{first['id']}")
    assert add(client, video).status_code == 201


def test_only_the_owner_of_a_video_adds_to_it(client: FlaskClient, client_of: ClientOf, video: str) -> None:
    added = add(client, video).json
    rival = client_of("rival")
    for response in (
        add(rival, video),
        rival.get(f"{video}/captions"),
        rival.delete(f"{video}/captions/{added['id']}"),
        add(client, f"/api/videos/{VIDEO_ID}"),
        add(client, str(upload(client, "/api/images", PNG).headers["Location"]).replace("images", "videos")),
    ):
        problem(response, 404, "not_found")


def test_a_repeat_adds_them_once(client: FlaskClient, video: str) -> None:
    answers = []
    for _ in range(2):
        data = {"file": (io.BytesIO(SRT.encode()), "captions.srt"), "language": "en"}
        answers.append(client.post(f"{video}/captions", data=data, headers={"Idempotency-Key": "once"}).json)
    assert answers[0] == answers[1]
    assert len(client.get(f"{video}/captions").json["captions"]) == 1


def uploaded(client: FlaskClient, **form: str) -> str:
    """The path of a video."""
    return str(client.post("/api/videos", data={"file": (io.BytesIO(MP4), "a.mp4"), **form}).headers["Location"])


def searched(broker: Broker) -> list[Task]:
    """The tasks that have what is said in a video found, oldest first."""
    found = broker.tasks.page("acme", Wanted(types=("EmbeddingGeneration",))).tasks
    return [each for each in reversed(found) if each.payload.get("speech_only")]


def test_what_they_say_is_to_be_found_once_they_are_there_and_not_once_they_are_gone(
    client: FlaskClient, broker: Broker
) -> None:
    video = uploaded(client, embed="true")
    data = {"file": (io.BytesIO(SRT.encode()), "captions.srt"), "language": "en"}
    added = client.post(f"{video}/captions", data=data, headers={"Idempotency-Key": "once"}).json
    data["file"] = (io.BytesIO(SRT.encode()), "captions.srt")
    client.post(f"{video}/captions", data=data, headers={"Idempotency-Key": "once"})
    (task,) = searched(broker)
    assert task.payload == {"entity_type": "video", "entity_id": video.rpartition("/")[2], "speech_only": True}
    problem(client.delete(f"{video}/captions/{VIDEO_ID}"), 404, "not_found")
    assert searched(broker) == [task]
    assert client.delete(f"{video}/captions/{added['id']}").status_code == 204
    _, later = searched(broker)
    assert (later.payload, later.status) == (task.payload, Status.SCHEDULED)


def test_nothing_is_made_searchable_of_a_video_that_is_left_out(client: FlaskClient, broker: Broker) -> None:
    video = uploaded(client, embed="false")
    client.delete(f"{video}/captions/{add(client, video).json['id']}")
    assert searched(broker) == []


def test_a_quota_that_is_used_up_keeps_nobody_from_adding_and_taking_away(
    client: FlaskClient, client_of: ClientOf, broker: Broker
) -> None:
    video = uploaded(client, embed="true")
    quotas = {"waiting_tasks": 1}
    assert client_of("ops").put("/api/tenants/acme", json={"quotas": quotas}).status_code == 200
    added = add(client, video)
    assert added.status_code == 201
    assert client.delete(f"{video}/captions/{added.json['id']}").status_code == 204
    assert searched(broker) == []
