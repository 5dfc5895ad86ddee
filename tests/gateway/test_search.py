"""GET /api/search: the question goes to a search process as it was asked, and its answer comes back."""

import io
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from broker.broker import Broker
from broker.errors import NotIndexed
from broker.media.records import MediaRecord, fields
from broker.search.found import Found, Hit
from broker.search.request import LEAST_RELEVANCE, PATIENCE, TIMEOUT, SearchRequest
from gateway.current import EXTENSION
from gateway.live.room import Room
from tests.gateway.conftest import VIDEO_ID
from tests.gateway.media import MP4, PNG, upload
from tests.gateway.problem import pointers, problem
from tests.search_fixtures import searching

PLACE = {"matched": "speech", "similarity": -0.25, "text": "A cat.", "marks": [[2, 5]], "start": 1.5, "end": 4.0}
PLACE |= {"page": None, "offset": None}
COPIES = [{"entity_id": VIDEO_ID, "filename": "copy.mp4"}]
HITS = [
    Hit("image", VIDEO_ID, "dog.jpg", 0.75, 0.9),
    Hit("video", VIDEO_ID, "cat.mp4", -0.25, places=[PLACE], duplicates=COPIES),
]


@pytest.fixture
def asked(broker: Broker) -> Iterator[list[SearchRequest]]:
    """What a search process is asked; it answers the same hits to everything."""
    requests: list[SearchRequest] = []

    def answer(request: SearchRequest) -> Found:
        requests.append(request)
        return Found(HITS[: request.limit], 7, [0.5, 0.25, "image", VIDEO_ID], "model+2", 3, exact=False)

    with searching(broker.search_server, answer):
        yield requests


def ask(client: FlaskClient, **query: str | int | float) -> tuple[int, dict[str, object]]:
    """An answer of the search process, which may still be starting."""
    for _ in range(100):
        response = client.get("/api/search", query_string=query)
        if response.status_code != 503:
            break
    return response.status_code, dict(response.json)


def test_a_search_waits_for_a_process_that_starts_unless_too_many_do(
    client: FlaskClient, app: Flask, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, waited = Room(3), list[float]()

    def search(request: SearchRequest, timeout: float = TIMEOUT) -> Found:
        waited.append(timeout)
        return Found([], 0)

    monkeypatch.setattr(broker.search, "search", search)
    monkeypatch.setitem(app.extensions, EXTENSION, replace(app.extensions[EXTENSION], waiters=room))
    assert ask(client, q="a dog")[0] == 200
    with room.enter("acme", 20), room.enter("acme", 20):
        assert ask(client, q="a dog")[0] == 200
    assert room.count() == 0
    assert waited == [PATIENCE, TIMEOUT]


def test_a_file_that_was_left_out_says_so(client: FlaskClient, broker: Broker) -> None:
    def answer(_: SearchRequest) -> Found:
        raise NotIndexed

    forms = ({"file": (io.BytesIO(PNG), "a.png"), **more} for more in ({}, {"embed": "false"}))
    kept, left_out = (client.post("/api/images", data=form).json["id"] for form in forms)
    with searching(broker.search_server, answer):
        for media_id, why in ((kept, "not embedded (yet)"), (left_out, "left out of search (embed=false)")):
            status, said = ask(client, like=media_id)
            assert (status, said["code"]) == (409, "not_indexed")
            assert why in str(said["detail"])


def test_the_best_come_first_with_all_that_is_known(client: FlaskClient, asked: list[SearchRequest]) -> None:
    status, answer = ask(client, q="a dog")
    assert status == 200
    assert answer == {
        "query": "a dog",
        "like": None,
        "count": 2,
        "total": 7,
        "total_exact": False,
        "next_cursor": answer["next_cursor"],
        "generation": "model+2",
        "complete": False,
        "missing": 3,
        "results": [
            {
                "entity_type": "image",
                "entity_id": VIDEO_ID,
                "filename": "dog.jpg",
                "similarity": 0.75,
                "relevance": 0.9,
                "picture_url": None,
                "thumbnail_url": None,
                "matched": None,
                "places": [],
                "duplicates": [],
            },
            {
                "entity_type": "video",
                "entity_id": VIDEO_ID,
                "filename": "cat.mp4",
                "similarity": -0.25,
                "relevance": None,
                "picture_url": None,
                "thumbnail_url": None,
                "matched": "speech",
                "places": [PLACE | {"picture_url": None, "page_url": None}],
                "duplicates": [{"entity_id": VIDEO_ID, "filename": "copy.mp4"}],
            },
        ],
    }
    assert asked == [SearchRequest("acme", "a dog", None, 20, None, LEAST_RELEVANCE)]
    _, answer = ask(client, q="a dog", cursor=answer["next_cursor"])
    assert asked[-1] == SearchRequest(
        "acme", "a dog", min_relevance=LEAST_RELEVANCE, after=[0.5, 0.25, "image", VIDEO_ID]
    )


def test_a_page_of_a_pdf_has_a_link(client: FlaskClient, anonymous: FlaskClient, broker: Broker) -> None:
    kept = {
        name: upload(client, "/api/documents", content, name).json["id"]
        for name, content in (("a b.pdf", b"%PDF-1.7\n"), ("a.txt", b"Hello"))
    }
    place = PLACE | {"start": None, "end": None, "page": 7}
    hits = [Hit("document", media_id, name, 0.5, places=[place]) for name, media_id in kept.items()]
    with searching(broker.search_server, lambda _: Found(hits, 2, None)):
        _, answer = ask(client, q="a cat")
    (pdf,), (text,) = (hit["places"] for hit in answer["results"])
    link, _, page = pdf["page_url"].partition("#")
    assert (anonymous.get(link).data, page) == (b"%PDF-1.7\n", "page=7")
    assert link.endswith("/a%20b.pdf")
    assert text["page_url"] is None


def test_every_narrowing_is_passed_on(client: FlaskClient, asked: list[SearchRequest]) -> None:
    times = {"start_date": "2024-01-01", "end_date": "2024-01-01"}
    bounds = {"min_size": 1, "max_size": 2, "min_duration": 0.5, "max_duration": 2.5}
    status, _ = ask(client, q="a", **times, **bounds, tag="best", filename="beach")
    day = 1_704_067_200_000_000
    expected = {
        "created_from": day,
        "created_until": day + 86_399_999_999,
        "tag": "best",
        "filename": "beach",
        **bounds,
    }
    assert (status, asked[0].narrowing) == (200, expected)


@pytest.mark.parametrize(
    ("asked_for", "sought"),
    [
        ("rapport\u00a0annuel", "rapport annuel"),
        ("cafe\u0301", "caf\u00e9"),
        ("me\u200cdia", "media"),
        ("a\tb", "ab"),
    ],
)
def test_a_part_of_a_name_is_read_as_names_are(
    client: FlaskClient, asked: list[SearchRequest], asked_for: str, sought: str
) -> None:
    status, _ = ask(client, q="a", filename=asked_for)
    assert (status, asked[0].narrowing) == (200, {"filename": sought})


def test_a_moment_of_a_video_has_its_picture(client: FlaskClient, broker: Broker, asked: list[SearchRequest]) -> None:
    record = MediaRecord(VIDEO_ID, "acme", "video", "cat.mp4", "video/mp4", 1, "key", "2024-01-01T00:00:00.000000Z")
    variants = {"variants": [{"name": "720p", "playlist": "720p/index.m3u8", "width": 1280}]}
    broker.redis.hset(broker.keys.media(VIDEO_ID), mapping=fields(replace(record, info=variants)))
    _, answer = ask(client, q="a cat")
    hit = answer["results"][1]
    assert hit["thumbnail_url"].startswith(f"/api/videos/{VIDEO_ID}/thumbnail/")
    (place,) = hit["places"]
    assert place["picture_url"].endswith("?time=1.5")
    assert "/thumbnail/" in place["picture_url"]


def test_an_image_has_its_small_picture(client: FlaskClient, broker: Broker, asked: list[SearchRequest]) -> None:
    record = MediaRecord(VIDEO_ID, "acme", "image", "dog.jpg", "image/jpeg", 1, "key", "2024-01-01T00:00:00.000000Z")
    broker.redis.hset(broker.keys.media(VIDEO_ID), mapping=fields(record))
    _, answer = ask(client, q="a dog")
    hit = answer["results"][0]
    assert hit["thumbnail_url"].startswith(f"/api/images/{VIDEO_ID}/thumbnail/")
    assert hit["picture_url"].startswith(f"/api/media/{VIDEO_ID}/source/")


def test_what_is_like_a_file_is_asked_for_by_its_id(
    client: FlaskClient, broker: Broker, asked: list[SearchRequest]
) -> None:
    image = upload(client, "/api/images", PNG).json["id"]
    status, answer = ask(client, like=image)
    assert (status, answer["like"], answer["query"]) == (200, image, None)
    assert asked[-1] == SearchRequest("acme", min_relevance=LEAST_RELEVANCE, like=image)
    problem(client.get(f"/api/search?like={VIDEO_ID}"), 404, "not_found")
    assert pointers(client.get(f"/api/search?like={image}&q=a")) == {"like"}
    assert pointers(client.get("/api/search?like=x")) == {"like"}


def test_a_picture_is_there_for_as_long_as_it_is_looked_for(
    client: FlaskClient, broker: Broker, asked: list[SearchRequest]
) -> None:
    form = {"file": (io.BytesIO(PNG), "a.png"), "limit": "1", "tag": "best"}
    response = client.post("/api/search", data=form)
    while response.status_code == 503:
        response = client.post("/api/search", data=form | {"file": (io.BytesIO(PNG), "a.png")})
    assert (response.status_code, response.json["count"], response.json["query"]) == (200, 1, None)
    (request,) = asked
    assert (request.limit, request.narrowing, request.query) == (1, {"tag": "best"}, "")
    assert request.picture.startswith("acme/")
    assert list(broker.storage.keys("acme/")) == []
    problem(client.post("/api/search", data={"file": (io.BytesIO(MP4), "a.png")}), 415, "unsupported_media_type")
    assert pointers(client.post("/api/search", data={"file": (io.BytesIO(PNG), "a.png"), "q": "a"})) == {"q"}
    assert list(broker.storage.keys("acme/")) == []


def test_every_option_is_passed_on(client: FlaskClient, asked: list[SearchRequest]) -> None:
    _, answer = ask(client, q="ein Hund \U0001f415", type="image", limit=1, min_similarity=-0.5, min_relevance=0.25)
    assert answer["count"] == 1
    assert asked == [SearchRequest("acme", "ein Hund \U0001f415", "image", 1, -0.5, 0.25)]


@pytest.mark.parametrize(("text", "number"), [("1e-3", 0.001), ("-1E-05", -0.00001), ("5e-1", 0.5), ("0.25", 0.25)])
def test_numbers_are_taken_as_programs_write_them(
    client: FlaskClient, asked: list[SearchRequest], text: str, number: float
) -> None:
    status, _ = ask(client, q="a", min_similarity=text)
    assert (status, asked[0].min_similarity) == (200, number)


def test_the_longest_query_is_taken(client: FlaskClient, asked: list[SearchRequest]) -> None:
    status, _ = ask(client, q="ü" * 500)
    assert (status, asked[0].query) == (200, "ü" * 500)


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("", "q"),
        ("q=", "q"),
        ("q=%20%20", "q"),
        ("q=%00%E2%80%8B", "q"),
        ("q=" + "x" * 501, "q"),
        ("q=a&q=b", "q"),
        ("q=a&type=movie", "type"),
        ("q=a&type=", "type"),
        ("q=a&limit=0", "limit"),
        ("q=a&limit=101", "limit"),
        ("q=a&min_similarity=2", "min_similarity"),
        ("q=a&min_similarity=nan", "min_similarity"),
        ("q=a&min_similarity=inf", "min_similarity"),
        ("q=a&min_similarity=", "min_similarity"),
        ("q=a&offset=5", "offset"),
        ("q=a&cursor=x", "cursor"),
        ("q=a&cursor=", "cursor"),
        ("q=a&min_size=-1", "min_size"),
        ("q=a&max_duration=x", "max_duration"),
        ("q=a&start_date=soon", "start_date"),
        ("q=a&tag=", "tag"),
        ("q=a&min_similarity=1e400", "min_similarity"),
        ("q=a&min_similarity=1e", "min_similarity"),
        ("q=a&min_similarity=2e0", "min_similarity"),
        ("q=%ff", "q"),
        ("q=caf%E9", "q"),
        ("q=%ED%A0%80", "q"),
        ("q=a&type=%C3", "type"),
    ],
)
def test_a_question_that_cannot_be_meant(client: FlaskClient, query: str, where: str) -> None:
    assert pointers(client.get(f"/api/search?{query}")) == {where}


def test_when_nothing_can_embed_the_question(client: FlaskClient) -> None:
    response = client.get("/api/search?q=dog")
    problem(response, 503, "unavailable")
    assert int(response.headers["Retry-After"]) == 5


def test_the_status_tells_how_far_a_new_model_is(client: FlaskClient, broker: Broker) -> None:
    nothing = client.get("/api/search/status").json
    assert (nothing["active"], nothing["next"], nothing["total"], nothing["generations"]) == (None, None, 0, [])
    assert nothing["counted"] is False
    keys, redis = broker.keys, broker.redis
    redis.hset(keys.vectors("acme", "old"), mapping=dict.fromkeys("abcde", "image 1\n1"))
    redis.hset(keys.vectors("acme", "new"), "a", "image 1\n1")
    redis.sadd(keys.vector_models("acme"), "old", "new")
    state = {"active": "old", "wanted": "new", "since": 1, "walked_at": 2, "made": 1}
    redis.hset(keys.generation("acme"), mapping=state)
    redis.zadd(keys.generation_missing("acme"), {"b": 0, "c": 5, "d": 0})
    redis.hset(keys.generation_failed("acme"), VIDEO_ID, "not a picture")
    told = client.get("/api/search/status").json
    assert {name: told[name] for name in ("total", "done", "missing", "failed", "tasks")} == {
        "total": 5,
        "done": 1,
        "missing": 3,
        "failed": 1,
        "tasks": 1,
    }
    assert told["failures"] == [{"entity_id": VIDEO_ID, "error": "not a picture"}]
    assert [(each["name"], each["state"], each["files"]) for each in told["generations"]] == [
        ("new", "next", 1),
        ("old", "active", 5),
    ]
    assert told["estimate"] > 0
    assert told["since"] == "1970-01-01T00:00:00.000001Z"
