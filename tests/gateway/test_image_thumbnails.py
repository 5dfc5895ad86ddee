"""Small pictures of images: drawn once, kept until the image goes, and for whoever has the link."""

import io
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image

from broker.broker import Broker
from broker.media import paths
from gateway import drawing, thumbnails
from tests.gateway.conftest import VIDEO_ID, ClientOf
from tests.gateway.media import MP4, PNG, upload
from tests.gateway.problem import problem


def encoded(width: int, height: int, form: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).save(out, form)
    return out.getvalue()


@pytest.fixture
def image(client: FlaskClient) -> str:
    return str(upload(client, "/api/images", encoded(1000, 500)).headers["Location"])


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The widths that were drawn and not found."""
    widths: list[str] = []
    run = drawing.run

    def noted(program: str, *arguments: str, **options: Any) -> Any:
        widths.append(arguments[-1])
        return run(program, *arguments, **options)

    monkeypatch.setattr(drawing, "run", noted)
    yield widths


def ending(monkeypatch: pytest.MonkeyPatch, status: int, said: bytes = b"") -> None:
    ended = subprocess.CompletedProcess([], status, said, b"")
    monkeypatch.setattr(drawing, "run", lambda *_, **__: ended)


@pytest.mark.parametrize(
    ("query", "size"),
    [
        ("", (640, 320)),
        ("?width=16", (160, 80)),
        ("?width=160", (160, 80)),
        ("?width=161", (320, 160)),
        ("?width=641", (1000, 500)),
        ("?width=4096", (1000, 500)),
    ],
)
def test_it_is_as_wide_as_the_next_of_a_few_widths(
    client: FlaskClient, image: str, query: str, size: tuple[int, int]
) -> None:
    response = client.get(f"{image}/thumbnail{query}")
    assert (response.status_code, response.content_type) == (200, "image/webp")
    small = Image.open(io.BytesIO(response.data))
    assert (small.format, small.size) == ("WEBP", size)


def test_it_is_drawn_once_and_known_by_its_tag(client: FlaskClient, image: str, drawn: list[str]) -> None:
    first = client.get(f"{image}/thumbnail?width=300")
    again = client.get(f"{image}/thumbnail?width=320")
    assert (again.data, again.headers["ETag"]) == (first.data, first.headers["ETag"])
    same = client.get(f"{image}/thumbnail?width=320", headers={"If-None-Match": first.headers["ETag"]})
    part = client.get(f"{image}/thumbnail?width=320", headers={"Range": "bytes=0-3"})
    assert (same.status_code, part.status_code, part.data) == (304, 206, b"RIFF")
    assert drawn == ["320"]


def test_a_page_shows_it_by_its_link(client: FlaskClient, anonymous: FlaskClient, image: str) -> None:
    link = client.get(image).json["thumbnail_url"]
    listed = client.get("/api/images").json["images"][0]["thumbnail_url"]
    assert link.split("/")[:5] == listed.split("/")[:5]
    response = anonymous.get(f"{link}?width=320")
    assert (response.status_code, Image.open(io.BytesIO(response.data)).size) == (200, (320, 160))
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "immutable" in response.headers["Cache-Control"]
    problem(anonymous.get(f"{image}/thumbnail/a.b.c"), 404, "not_found")
    problem(anonymous.get(f"{image}/thumbnail"), 401, "unauthorized")


def test_a_link_opens_its_image_and_nothing_else(
    client: FlaskClient, client_of: ClientOf, anonymous: FlaskClient, image: str
) -> None:
    other = upload(client, "/api/images", encoded(20, 20)).headers["Location"]
    signature = client.get(image).json["thumbnail_url"].rpartition("/")[2]
    problem(anonymous.get(f"{other}/thumbnail/{signature}"), 404, "not_found")
    problem(client_of("rival").get(f"{image}/thumbnail"), 404, "not_found")
    problem(client.get(f"/api/images/{VIDEO_ID}/thumbnail"), 404, "not_found")
    for query in ("width=1", "width=9999", "width=wide", "time=3"):
        problem(client.get(f"{image}/thumbnail?{query}"), 422, "invalid_content")


def test_who_may_play_a_video_sees_nothing_of_its_source(client: FlaskClient, anonymous: FlaskClient) -> None:
    video = upload(client, "/api/videos", MP4).json
    signature = video["hls_url"].split("/stream/")[1].split("/")[0]
    problem(anonymous.get(f"/api/images/{video['id']}/thumbnail/{signature}"), 404, "not_found")


def test_it_goes_with_the_image(client: FlaskClient, anonymous: FlaskClient, broker: Broker, image: str) -> None:
    link = client.get(image).json["thumbnail_url"]
    anonymous.get(link)
    folder = paths.media_folder("acme", image.rpartition("/")[2])
    assert [key for key in broker.storage.keys(folder) if paths.THUMBNAILS in key]
    client.delete(image)
    problem(anonymous.get(link), 404, "not_found")
    assert list(broker.storage.keys(folder)) == []


def test_one_that_is_deleted_while_it_is_drawn_leaves_nothing(
    client: FlaskClient, broker: Broker, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = drawing.run

    def late(*arguments: str, **options: Any) -> Any:
        ended = run(*arguments, **options)
        client.delete(image)
        return ended

    monkeypatch.setattr(drawing, "run", late)
    problem(client.get(f"{image}/thumbnail"), 404, "not_found")
    assert list(broker.storage.keys(paths.media_folder("acme", image.rpartition("/")[2]))) == []


def test_one_whose_file_goes_before_it_is_read_is_missed(
    client: FlaskClient, broker: Broker, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = drawing.run

    def late(*arguments: str, **options: Any) -> Any:
        client.delete(image)
        return run(*arguments, **options)

    monkeypatch.setattr(drawing, "run", late)
    problem(client.get(f"{image}/thumbnail"), 404, "not_found")


def test_what_cannot_be_drawn_is_said_and_not_tried_again_soon(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, drawn: list[str]
) -> None:
    broken = upload(client, "/api/images", PNG).headers["Location"]
    for _ in range(2):
        said = problem(client.get(f"{broken}/thumbnail?width=160"), 409, "no_thumbnail")
        assert "damaged" in said["detail"]
    problem(client.get(f"{broken}/thumbnail?width=640"), 409, "no_thumbnail")
    assert drawn == ["160"]
    now = time.monotonic()
    monkeypatch.setattr(thumbnails, "_now", lambda: now + 601)
    problem(client.get(f"{broken}/thumbnail?width=640"), 409, "no_thumbnail")
    assert drawn == ["160", "640"]


def test_so_many_refusals_are_remembered(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, drawn: list[str]
) -> None:
    monkeypatch.setattr(thumbnails, "_MOST_REFUSALS", 1)
    first, second = (upload(client, "/api/images", PNG + end).headers["Location"] for end in (b"", b" "))
    for each in (first, second, second, first):
        problem(client.get(f"{each}/thumbnail"), 409, "no_thumbnail")
    assert len(drawn) == 3


@pytest.mark.parametrize(
    ("status", "told"),
    [(-signal.SIGXCPU, "takes too long"), (-signal.SIGSEGV, "damaged"), (3, "so it is")],
)
def test_a_file_that_ends_the_program_is_not_drawn_again(
    client: FlaskClient, image: str, monkeypatch: pytest.MonkeyPatch, status: int, told: str
) -> None:
    ending(monkeypatch, status, b"so it is")
    assert told in problem(client.get(f"{image}/thumbnail"), 409, "no_thumbnail")["detail"]
    monkeypatch.undo()
    problem(client.get(f"{image}/thumbnail"), 409, "no_thumbnail")


@pytest.mark.parametrize("status", [-signal.SIGKILL, 1, 0])
def test_what_the_machine_has_ended_is_tried_again(
    client: FlaskClient, image: str, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    ending(monkeypatch, status)
    problem(client.get(f"{image}/thumbnail"), 503, "unavailable")
    monkeypatch.undo()
    assert client.get(f"{image}/thumbnail").status_code == 200


def test_a_program_that_hangs_is_ended(client: FlaskClient, image: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thumbnails, "_LONGEST", 0.001)
    problem(client.get(f"{image}/thumbnail"), 503, "unavailable")


def test_a_file_that_is_too_large_is_not_even_fetched(
    client: FlaskClient, image: str, monkeypatch: pytest.MonkeyPatch, drawn: list[str]
) -> None:
    monkeypatch.setattr(thumbnails, "_MOST_BYTES", 10)
    problem(client.get(f"{image}/thumbnail"), 409, "no_thumbnail")
    assert drawn == []


def test_who_comes_while_many_are_drawn_is_told_when_to_come_back(
    client: FlaskClient, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thumbnails, "_PATIENCE", 0)
    taken = [drawing._places.acquire(blocking=False) for _ in range(drawing.AT_ONCE)]
    try:
        refused = client.get(f"{image}/thumbnail")
        problem(refused, 503, "unavailable")
        assert refused.headers["Retry-After"] == "1"
    finally:
        for _ in filter(None, taken):
            drawing._places.release()
    assert client.get(f"{image}/thumbnail").status_code == 200


def test_an_uploaded_file_that_is_not_there_is_missed(client: FlaskClient, broker: Broker, image: str) -> None:
    broker.storage.delete(paths.source("acme", image.rpartition("/")[2]))
    problem(client.get(f"{image}/thumbnail"), 404, "not_found")


def test_before_it_is_fetched_there_is_nothing_to_draw(client: FlaskClient) -> None:
    fetched = client.post("/api/images", json={"url": "https://files.example.com/a.jpg"})
    assert fetched.json["thumbnail_url"] is None
    problem(client.get(f"{fetched.headers['Location']}/thumbnail"), 409, "nothing_to_show")


def test_the_program_is_given_no_secret(client: FlaskClient, image: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "a secret")
    given: list[dict[str, str]] = []
    run = subprocess.run

    def noted(argv: list[str], **options: Any) -> Any:
        given.append(options["env"])
        return run(argv, **options)

    monkeypatch.setattr(subprocess, "run", noted)
    assert client.get(f"{image}/thumbnail").status_code == 200
    assert given
    assert given[0].keys() <= {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "MALLOC_ARENA_MAX"}
