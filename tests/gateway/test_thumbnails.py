"""Any moment of a video as a picture: the right one, quickly, kept, and for whoever has the link."""

import io
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from PIL import Image

from broker.broker import Broker
from broker.media import paths
from gateway import drawing, stills
from handlers.transcoding.ffmpeg import binary
from tests.gateway.conftest import VIDEO_ID, ClientOf
from tests.gateway.media import MP4, upload
from tests.gateway.problem import problem
from tests.gateway.work import complete

#: Two segments of a second, whose pictures are brighter by 4 each time.
GREY = "color=black:size=64x48:rate=10:duration=2,geq=lum='16+N*4':cb=128:cr=128,format=yuv420p"
HLS = ("-f", "hls", "-hls_time", "1", "-hls_segment_type", "fmp4", "-hls_playlist_type", "vod")
VARIANT = {"name": "48p", "width": 64, "height": 48, "bandwidth": 1, "codecs": "avc1", "playlist": "48p/index.m3u8"}


@pytest.fixture(scope="module")
def rendition(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rendition")
    encoded = ("-c:v", "libx264", "-preset", "ultrafast", "-qp", "0", "-g", "10", "-color_range", "tv")
    argv = [binary(), "-v", "error", "-f", "lavfi", "-i", GREY, *encoded, *HLS, "index.m3u8"]
    subprocess.run(argv, cwd=folder, check=True, timeout=60)
    return folder


@pytest.fixture
def video(client: FlaskClient, broker: Broker, rendition: Path) -> str:
    video_id = str(upload(client, "/api/videos", MP4).json["id"])
    for file in rendition.iterdir():
        broker.storage.put_file(paths.hls("acme", video_id, f"48p/{file.name}"), file)
    complete(broker, {}, video_id, duration_seconds=2.0, frame_rate=10.0, variants=[VARIANT])
    return f"/api/videos/{video_id}"


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The numbers of pictures that were drawn and not found."""
    numbers: list[int] = []
    run = stills._run

    def noted(fed: bytes, number: int, width: int) -> bytes:
        numbers.append(number)
        return run(fed, number, width)

    monkeypatch.setattr(stills, "_run", noted)
    yield numbers


def grey(data: bytes) -> int:
    """The number of the picture, by its brightness."""
    shade = Image.open(io.BytesIO(data)).convert("L").getpixel((5, 5))
    return round((float(shade) * 219 / 255) / 4)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("time", "number"),
    [("0", 0), ("0.1", 1), ("0.95", 9), ("1", 10), ("1.25", 12), ("1.9", 19), ("2", 19), ("3600", 19)],
)
def test_it_is_the_picture_that_is_shown_then(client: FlaskClient, video: str, time: str, number: int) -> None:
    response = client.get(f"{video}/thumbnail?time={time}&width=32")
    assert (response.status_code, response.content_type) == (200, "image/jpeg")
    assert Image.open(io.BytesIO(response.data)).size == (32, 24)
    assert grey(response.data) == number


def test_none_is_larger_than_the_video(client: FlaskClient, video: str) -> None:
    assert Image.open(io.BytesIO(client.get(f"{video}/thumbnail?width=4000").data)).size == (64, 48)


def test_it_is_drawn_once_and_known_by_its_tag(client: FlaskClient, video: str, drawn: list[int]) -> None:
    first = client.get(f"{video}/thumbnail?time=0.52")
    again = client.get(f"{video}/thumbnail?time=0.58")
    assert (again.data, again.headers["ETag"]) == (first.data, first.headers["ETag"])
    same = client.get(f"{video}/thumbnail?time=0.5", headers={"If-None-Match": first.headers["ETag"]})
    assert (same.status_code, drawn) == (304, [5])


def test_of_a_video_so_many_are_kept(
    client: FlaskClient, broker: Broker, video: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stills, "_SLOTS", 2)
    for number in range(5):
        client.get(f"{video}/thumbnail?time={number / 10}&width=16")
    assert 1 <= len([key for key in broker.storage.keys("acme/") if paths.THUMBNAILS in key]) <= 2


def test_a_page_shows_it_by_its_link(client: FlaskClient, anonymous: FlaskClient, video: str) -> None:
    link = client.get(video).json["thumbnail_url"]
    response = anonymous.get(f"{link}?time=1.5&width=64")
    assert (response.status_code, grey(response.data)) == (200, 15)
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "immutable" in response.headers["Cache-Control"]
    problem(anonymous.get(f"{video}/thumbnail/a.b.c"), 404, "not_found")
    problem(anonymous.get(f"{video}/thumbnail"), 401, "unauthorized")


def test_what_cannot_be_shown_is_said(client: FlaskClient, client_of: ClientOf, video: str) -> None:
    waiting = upload(client, "/api/videos", MP4).headers["Location"]
    problem(client.get(f"{waiting}/thumbnail"), 409, "nothing_to_show")
    assert client.get(waiting).json["thumbnail_url"] is None
    problem(client.get(f"/api/videos/{VIDEO_ID}/thumbnail"), 404, "not_found")
    problem(client_of("rival").get(f"{video}/thumbnail"), 404, "not_found")
    for query in ("time=-1", "time=soon", "width=1", "width=9999", "size=3"):
        problem(client.get(f"{video}/thumbnail?{query}"), 422, "invalid_content")


def test_who_comes_while_many_are_drawn_is_told_when_to_come_back(
    client: FlaskClient, video: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stills, "_PATIENCE", 0)
    taken = [drawing._places.acquire(blocking=False) for _ in range(drawing.AT_ONCE)]
    try:
        refused = client.get(f"{video}/thumbnail")
        problem(refused, 503, "unavailable")
        assert refused.headers["Retry-After"] == "1"
    finally:
        for _ in filter(None, taken):
            drawing._places.release()
    assert client.get(f"{video}/thumbnail").status_code == 200
