"""The Python client: large files, captions, transcoding again, and search with all that it takes."""

import io
from collections.abc import Iterator

import pytest
import requests
from mindia_client import Client, NoAnswer, WaitTimeout, errors

from broker.search.request import SearchRequest
from scripts.testing.kit import Kit
from tests.breaking import Breaking
from tests.gateway.media import MP4, PNG

MIB = 1024 * 1024
LARGE = MP4 + bytes(20 * MIB + 11 - len(MP4))


@pytest.fixture
def client(system: Kit) -> Iterator[Client]:
    with Client(system.url, system.key) as client:
        yield client


def source_of(system: Kit, media: object) -> bytes:
    assert isinstance(media, dict)
    return requests.get(system.url + media["source_url"], timeout=30).content


def test_broken_connections_cost_a_piece_each_at_most(system: Kit, broken: Breaking) -> None:
    broken.cuts = [6 * MIB, 9 * MIB]
    far: list[tuple[int, int]] = []
    with Client(broken.url, system.key, patience=20) as client:
        video = client.upload_video(
            io.BytesIO(LARGE), "film.mp4", tags=["a"], keep_source=True, on_progress=lambda *told: far.append(told)
        )
    assert (video["filename"], video["size"], video["tags"]) == ("film.mp4", len(LARGE), ["a"])
    assert source_of(system, video) == LARGE
    assert (broken.broken, broken.cuts) == (2, [])
    assert far[0] == (0, len(LARGE)) or far[0][0] == 8 * MIB
    assert far[-1] == (len(LARGE), len(LARGE))


def test_what_came_although_nobody_was_told_is_not_sent_again(system: Kit, broken: Breaking) -> None:
    broken.lost = 3
    with Client(broken.url, system.key, patience=20) as client:
        video = client.upload_video(io.BytesIO(LARGE), "film.mp4")
    assert source_of(system, video) == LARGE
    assert broken.broken == 3
    assert broken.passed < len(LARGE) + MIB
    system.assert_submitted("VideoTranscoding", times=1)


def test_under_a_key_another_call_goes_on(system: Kit, broken: Breaking, client: Client) -> None:
    broken.cuts = [12 * MIB, 1, 1, 1]
    with Client(broken.url, system.key, patience=0.1) as other, pytest.raises(NoAnswer):
        other.upload_video(io.BytesIO(LARGE), "film.mp4", idempotency_key="one film")
    far: list[int] = []
    film = io.BytesIO(LARGE)
    video = client.upload_video(
        film, "film.mp4", idempotency_key="one film", on_progress=lambda there, _: far.append(there)
    )
    assert far[0] == 8 * MIB
    assert source_of(system, video) == LARGE
    assert client.upload_video(film, "film.mp4", idempotency_key="one film")["id"] == video["id"]
    system.assert_submitted("VideoTranscoding", times=1)


def test_small_files_and_streams_are_sent_whole(client: Client, system: Kit) -> None:
    far: list[tuple[int, int]] = []
    small = client.upload_image(io.BytesIO(PNG), "a.png", on_progress=lambda *told: far.append(told))
    assert source_of(system, small) == PNG
    assert far == [(len(PNG), len(PNG))]


def test_what_no_second_try_mends_is_told_at_once(client: Client) -> None:
    with pytest.raises(errors.UnsupportedMedia):
        client.upload_video(io.BytesIO(b"x" * len(LARGE)), "film.mp4")
    with pytest.raises(errors.InvalidContent):
        client.upload_video(io.BytesIO(LARGE), "film.mp4", then=["nonsense"])


def test_captions_and_transcoding_again(client: Client) -> None:
    video = client.upload_video(io.BytesIO(MP4), "a.mp4")
    caption = client.upload_captions(video["id"], io.BytesIO(b"WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n"), "en")
    assert [each["id"] for each in client.captions(video["id"])] == [caption["id"]]
    client.delete_captions(video["id"], caption["id"])
    assert client.captions(video["id"]) == []
    with pytest.raises(errors.NotTranscoded):
        client.reprocess_video(video["id"], background=False)
    counted = client.wait_operation(client.reprocess_videos(dry_run=True, uploaded_from="2001-01-01"), timeout=60)
    assert (counted["matched"], counted["done"], counted["reasons"]) == (1, 0, {"not_transcoded": 1})
    how = {"options": {"profile": "small"}, "tags": ["again"], "background": False}
    begun = client.reprocess_videos(ids=[video["id"]], idempotency_key="again", **how)
    assert client.reprocess_videos(ids=[video["id"]], idempotency_key="again", **how)["id"] == begun["id"]
    assert client.operation(begun["id"])["how"] == how


def test_an_operation_is_waited_for_until_it_has_ended(client: Client, system: Kit) -> None:
    ended = client.reprocess_videos(ids=["550e8400-e29b-41d4-a716-446655440000"])
    system.broker.redis.hset(system.broker.keys.operation(ended["id"]), "state", "running")
    running = client.operation(ended["id"])
    with pytest.raises(WaitTimeout):
        client.wait_operation(running, timeout=0.01)
    system.broker.redis.hset(system.broker.keys.operation(ended["id"]), "state", "completed")
    assert client.wait_operation(running) == ended


def test_files_at_a_url_of_all_kinds(client: Client) -> None:
    assert client.upload_audio_from("https://files.example.com/a.mp3")["filename"] == "a.mp3"
    assert client.upload_document_from("https://files.example.com/a.pdf", filename="b.pdf")["filename"] == "b.pdf"


def test_search_by_all_that_it_takes(client: Client, searcher: list[SearchRequest]) -> None:
    like = client.upload_image(io.BytesIO(PNG), "a.png")["id"]
    assert [each["filename"] for each in client.hits(like=like, tag="a", limit=2)] == list("01234")
    assert searcher[-1].narrowing["tag"] == "a"
    page = client.search("words", type="video", min_duration=60, limit=3)
    assert (page["count"], page["total"]) == (3, 5)
    assert client.search("words", cursor=page["next_cursor"])["results"][0]["filename"] == "3"
    assert client.search_by_picture(io.BytesIO(PNG), "a.png", limit=2, type="image")["count"] == 2
    assert (bool(searcher[-1].picture), searcher[-1].entity_type) == (True, "image")
