"""Videos that are transcoded again: in the background, each once, and seen by whoever opens them from then on."""

import io
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from broker.broker import Broker
from tests.gateway.conftest import VIDEO_ID, ClientOf
from tests.gateway.media import MP4, upload
from tests.gateway.problem import pointers, problem
from tests.gateway.work import complete

VARIANT = {"name": "9p", "width": 16, "height": 9, "bandwidth": 1, "codecs": "avc1", "playlist": "9p/index.m3u8"}
MASTER = b'#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,URI="audio/index.m3u8"\n#EXT-X-STREAM-INF:BANDWIDTH=1\n9p/index.m3u8\n'


def made(client: FlaskClient, broker: Broker) -> str:
    """The id of a video that plays."""
    video_id = str(upload(client, "/api/videos", MP4).json["id"])
    broker.storage.put(f"acme/{video_id}/hls/master.m3u8", io.BytesIO(MASTER))
    complete(broker, {}, video_id, variants=[VARIANT], duration_seconds=1.0)
    return video_id


@pytest.fixture
def video(client: FlaskClient, broker: Broker) -> str:
    return made(client, broker)


def test_a_video_is_transcoded_again_in_the_background_and_once_at_a_time(client: FlaskClient, video: str) -> None:
    first = client.post(f"/api/videos/{video}/reprocess")
    assert first.status_code == 201
    assert (first.json["type"], first.json["payload"], first.json["background"]) == (
        "VideoTranscoding",
        {"video_id": video},
        True,
    )
    again = client.post(f"/api/videos/{video}/reprocess", json={"background": False})
    assert (again.status_code, again.json["id"]) == (200, first.json["id"])


def test_options_are_those_of_the_task(client: FlaskClient, video: str) -> None:
    response = client.post(f"/api/videos/{video}/reprocess", json={"options": {"speed": 2}})
    assert pointers(response) == {"#/payload/speed"}


def test_what_cannot_be_transcoded_again_is_said(
    client: FlaskClient, client_of: ClientOf, broker: Broker, video: str
) -> None:
    waiting = upload(client, "/api/videos", MP4).json["id"]
    problem(client.post(f"/api/videos/{waiting}/reprocess"), 409, "not_transcoded")
    broker.redis.hset(broker.keys.media(video), "source_removed_at", "2024-01-01T00:00:00.000000Z")
    problem(client.post(f"/api/videos/{video}/reprocess"), 409, "source_removed")
    problem(client.post(f"/api/videos/{VIDEO_ID}/reprocess"), 404, "not_found")
    problem(client_of("rival").post(f"/api/videos/{video}/reprocess"), 404, "not_found")


def test_many_are_counted_first_and_then_done_each_once(
    client: FlaskClient, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.operations.reprocessing.MOST", 2)
    videos = [made(client, broker) for _ in range(3)]
    upload(client, "/api/videos", MP4)

    def ask(**body: Any) -> list[dict[str, Any]]:
        answers, begin = [], {}
        while True:
            response = client.post("/api/videos/reprocess", json={"filter": begin, **body})
            assert response.status_code == 200, response.text
            answers.append(response.json)
            if response.json["next"] is None:
                return answers
            begin = {"uploaded_from": response.json["next"]}

    counted = ask(dry_run=True)
    assert [(each["matched"], each["queued"], each["reasons"]) for each in counted] == [
        (2, 2, {}),
        (2, 1, {"not_transcoded": 1}),
    ]
    assert [each["task_ids"] for each in counted] == [[], []]
    done = ask()
    tasks = [client.get(f"/api/tasks/{task}").json for each in done for task in each["task_ids"]]
    assert sorted(task["payload"]["video_id"] for task in tasks) == sorted(videos)
    assert [(each["queued"], each["reasons"]) for each in ask()] == [
        (0, {"in_progress": 2}),
        (0, {"not_transcoded": 1, "in_progress": 1}),
    ]


def operate(client: FlaskClient, **body: Any) -> TestResponse:
    return client.post("/api/operations", json={"action": "reprocess", "filter": {}, **body})


def test_all_that_match_are_an_operation(client: FlaskClient, client_of: ClientOf, broker: Broker) -> None:
    videos = [made(client, broker) for _ in range(3)]
    upload(client, "/api/videos", MP4)
    counted = operate(client, dry_run=True)
    assert counted.status_code == 201
    counts = ("status", "candidates", "matched", "done", "skipped", "reasons", "how", "waits_for")
    assert [counted.json[name] for name in counts] == [
        "completed",
        4,
        4,
        3,
        1,
        {"not_transcoded": 1},
        {"options": {}, "background": True, "tags": []},
        None,
    ]
    how = {"options": {"profile": "small"}, "background": False, "tags": ["again"]}
    asked = {"filter": {"uploaded_from": "2001-01-01"}, **how}
    key = {"Idempotency-Key": "again"}
    body = {"action": "reprocess", **asked}
    began = client.post("/api/operations", json=body, headers=key)
    assert client.post("/api/operations", json=body, headers=key).json == began.json
    assert client.post("/api/operations", json=body | {"background": True}, headers=key).status_code == 422
    shown = client.get(began.headers["Location"]).json
    assert (shown["action"], shown["done"], shown["how"]) == ("reprocess", 3, how)
    assert shown["filter"] == {"uploaded_from": "2001-01-01T00:00:00.000000Z"}
    tasks = client.get("/api/tasks?tag=again").json["tasks"]
    assert sorted(each["payload"]["video_id"] for each in tasks) == sorted(videos)
    assert {(each["payload"]["profile"], each["background"]) for each in tasks} == {("small", False)}
    assert client.get("/api/operations").json["operations"][0] == shown
    assert operate(client_of("rival")).json["matched"] == 0


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"filter": {"type": "VideoTranscoding"}}, {"#/filter/type"}),
        ({"filter": {"start_date": "2024-01-01", "ids": [VIDEO_ID]}}, {"#/filter/start_date"}),
        ({"force": True}, {"#/force"}),
        ({"options": {"speed": 2}}, {"#/payload/speed"}),
        ({"options": {"profile": "enormous"}}, {"#/payload/profile"}),
        ({"tags": [""]}, {"#/tags/0"}),
        ({"action": "retry", "filter": {"uploaded_to": "2024-01-01"}}, {"#/filter/uploaded_to"}),
        ({"action": "cancel", "options": {}, "background": True, "tags": []}, {"#/options", "#/background", "#/tags"}),
    ],
)
def test_what_does_not_go_together_is_refused(client: FlaskClient, body: dict[str, Any], where: set[str]) -> None:
    response = operate(client, **body)
    problem(response, 422, "invalid_content")
    assert pointers(response) == where
    assert client.get("/api/operations").json["total"] == 0


def test_only_those_that_match(client: FlaskClient, broker: Broker, video: str) -> None:
    other = made(client, broker)
    since = client.get(f"/api/videos/{other}").json["created_at"]
    for chosen, found in (
        ({"ids": [video]}, 1),
        ({"ids": [VIDEO_ID]}, 0),
        ({"uploaded_from": since}, 1),
        ({"uploaded_to": since}, 2),
        ({"uploaded_to": "2001-01-01"}, 0),
        ({}, 2),
    ):
        body = {"filter": chosen, "dry_run": True}
        assert client.post("/api/videos/reprocess", json=body).json["matched"] == found, chosen


def test_who_opens_a_video_gets_the_newest_and_who_plays_it_goes_on(
    client: FlaskClient, anonymous: FlaskClient, broker: Broker, video: str
) -> None:
    before = client.get(f"/api/videos/{video}").json
    base = before["hls_url"].removesuffix("master.m3u8")
    version = client.post(f"/api/videos/{video}/reprocess").json["id"]
    for name, content in (("master.m3u8", MASTER), ("9p/index.m3u8", b"#EXTM3U\n"), ("poster.jpg", b"new")):
        broker.storage.put(f"acme/{video}/hls/{version}/{name}", io.BytesIO(content))
    assert anonymous.get(f"{base}master.m3u8").data == MASTER, "it is not finished yet"
    complete(
        broker,
        {},
        video,
        stream=version,
        variants=[VARIANT | {"playlist": f"{version}/9p/index.m3u8"}],
        **{"replaced:": "x"},
    )
    assert anonymous.get(f"{base}master.m3u8").text.splitlines() == [
        "#EXTM3U",
        f'#EXT-X-MEDIA:TYPE=AUDIO,URI="{version}/audio/index.m3u8"',
        "#EXT-X-STREAM-INF:BANDWIDTH=1",
        f"{version}/9p/index.m3u8",
    ]
    shown = client.get(f"/api/videos/{video}").json
    assert anonymous.get(shown["poster_url"]).data == b"new"
    assert anonymous.get(base + shown["variants"][0]["playlist"]).status_code == 200
    data = {"file": (io.BytesIO(b"WEBVTT\n\n00:00.000 --> 00:01.000\nx\n"), "a.vtt"), "language": "en"}
    client.post(f"/api/videos/{video}/captions", data=data)
    assert 'URI="captions/' in anonymous.get(f"{base}master.m3u8").text
    assert 'URI="../captions/' in anonymous.get(f"{base}{version}/master.m3u8").text
