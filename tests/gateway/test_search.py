"""GET /api/search: the question goes to a search process as it was asked, and its answer comes back."""

from collections.abc import Iterator
from threading import Event, Thread

import pytest
from flask.testing import FlaskClient

from broker.broker import Broker
from broker.media.search import Hit, SearchRequest
from tests.gateway.conftest import VIDEO_ID
from tests.gateway.problem import pointers, problem

HITS = [Hit("image", VIDEO_ID, "dog.jpg", 0.75), Hit("video", VIDEO_ID, "cat.mp4", -0.25)]


@pytest.fixture
def asked(broker: Broker) -> Iterator[list[SearchRequest]]:
    """What a search process is asked; it answers the same hits to everything."""
    requests: list[SearchRequest] = []
    stop = Event()

    def answer(request: SearchRequest) -> list[Hit]:
        requests.append(request)
        return HITS[: request.limit]

    thread = Thread(target=broker.search.serve, args=(answer, stop))
    thread.start()
    yield requests
    stop.set()
    thread.join(timeout=10)
    assert not thread.is_alive()


def ask(client: FlaskClient, **query: str | int | float) -> tuple[int, dict[str, object]]:
    """An answer of the search process, which may still be starting."""
    for _ in range(100):
        response = client.get("/api/search", query_string=query)
        if response.status_code != 503:
            break
    return response.status_code, dict(response.json)


def test_the_best_come_first_with_all_that_is_known(client: FlaskClient, asked: list[SearchRequest]) -> None:
    status, answer = ask(client, q="a dog")
    assert status == 200
    assert answer == {
        "query": "a dog",
        "count": 2,
        "results": [
            {"entity_type": "image", "entity_id": VIDEO_ID, "filename": "dog.jpg", "similarity": 0.75},
            {"entity_type": "video", "entity_id": VIDEO_ID, "filename": "cat.mp4", "similarity": -0.25},
        ],
    }
    assert asked == [SearchRequest("acme", "a dog", None, 20, None)]


def test_every_option_is_passed_on(client: FlaskClient, asked: list[SearchRequest]) -> None:
    _, answer = ask(client, q="ein Hund \U0001f415", type="image", limit=1, min_similarity=-0.5)
    assert answer["count"] == 1
    assert asked == [SearchRequest("acme", "ein Hund \U0001f415", "image", 1, -0.5)]


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
