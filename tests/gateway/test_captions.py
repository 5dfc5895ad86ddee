"""Captions over HTTP: added at any time, found in the playlist by whoever opens the video, and gone when taken away."""

import io
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from broker.broker import Broker
from broker.media import paths
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
