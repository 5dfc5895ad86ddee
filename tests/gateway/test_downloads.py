"""A rendition as one plain MP4: every packet of the stream at its time, any part of it, by key or link."""

import io
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from struct import unpack_from
from typing import Any

import av
import pytest
from flask.testing import FlaskClient

from broker.broker import Broker
from broker.media import paths
from gateway import downloads, stored_samples
from gateway.plain_mp4.fragments import Defaults, Samples, boxes, inside
from gateway.plain_mp4.movie import Track, beginning
from tests.gateway.conftest import VIDEO_ID, ClientOf
from tests.gateway.media import MP4, upload
from tests.gateway.problem import problem
from tests.gateway.transcoded import RATE, SECONDS, store
from tests.gateway.work import complete
from tests.handlers.transcoding import fragments
from tests.handlers.transcoding.fake_context import FakeContext

TASK_ID = "11111111-2222-4333-8444-555555555555"
#: Seconds of one AAC frame.
FRAME = 1024 / 48_000


def packets(data: bytes, kind: str) -> list[tuple[bytes, Fraction]]:
    """Bytes and time of showing of all, in seconds, in the order of decoding."""
    with av.open(io.BytesIO(data)) as file:
        (stream,) = file.streams.get(**{kind: 0})
        return [(bytes(each), each.pts * each.time_base) for each in file.demux(stream) if each.size]


def stored(done: FakeContext, name: str) -> list[tuple[bytes, Fraction]]:
    """The same of a rendition; its times as the fragments tell them, which libav shifts."""
    init, *segments = [done.hls / name / "init.mp4", *sorted((done.hls / name).glob("*.m4s"))]
    whole = init.read_bytes() + b"".join(each.read_bytes() for each in segments)
    scale = fragments.timescale(init.read_bytes())
    times = [each.shown for segment in segments for each in fragments.samples(segment.read_bytes(), scale)]
    kind = "audio" if name == "audio" else "video"
    return list(zip((data for data, _ in packets(whole, kind)), times, strict=True))


def test_it_is_a_plain_file_with_every_packet_of_the_stream_at_its_time(
    client: FlaskClient, video: str, done: FakeContext
) -> None:
    name = done.answer["variants"][-1]["name"]
    response = client.get(f"{video}/download?variant={name}")
    assert (response.status_code, response.content_type) == (200, "video/mp4")
    data = response.data
    for kind, folder in (("video", name), ("audio", "audio")):
        assert packets(data, kind) == stored(done, folder)
    kinds = []
    at = 0
    while at < len(data):
        size, kind = unpack_from(">I4s", data, at)
        kinds.append(kind)
        at += size if size > 1 else unpack_from(">Q", data, at + 8)[0]
    assert (kinds, at) == ([b"ftyp", b"moov", b"mdat"], len(data))
    assert b"edts" not in data[: data.index(b"mdat")]
    assert b"mvex" not in data[: data.index(b"mdat")]


def test_players_see_its_whole_length_and_both_tracks_from_the_beginning(client: FlaskClient, video: str) -> None:
    with av.open(io.BytesIO(client.get(f"{video}/download").data)) as file:
        assert file.duration / av.time_base == pytest.approx(SECONDS, abs=2 * FRAME)
        pictures = [each.time for each in file.decode(video=0)]
        assert len(pictures) == SECONDS * RATE == file.streams.video[0].frames
        assert all(after - before == pytest.approx(1 / RATE, abs=1e-3) for before, after in pairwise(pictures))
        file.seek(0)
        heard = [each.time for each in file.decode(audio=0)]
        assert abs(heard[0] - pictures[0]) <= FRAME
        assert heard[-1] + FRAME == pytest.approx(SECONDS, abs=2 * FRAME)
        file.seek(7_000_000)  # a key frame is found without reading all
        assert 5 < next(file.decode(video=0)).time <= 7


def test_any_part_of_it_can_be_asked_for(client: FlaskClient, video: str) -> None:
    whole = client.get(f"{video}/download")
    size = len(whole.data)
    assert int(whole.headers["Content-Length"]) == size
    head = client.head(f"{video}/download")
    assert (head.data, int(head.headers["Content-Length"])) == (b"", size)
    assert head.headers["ETag"] == whole.headers["ETag"]
    for first, last in ((0, 0), (10, 99), (1000, size - 1), (size // 3, size // 2), (size - 5, size + 50)):
        part = client.get(f"{video}/download", headers={"Range": f"bytes={first}-{last}"})
        assert part.status_code == 206
        assert part.headers["Content-Range"] == f"bytes {first}-{min(last, size - 1)}/{size}"
        assert part.data == whole.data[first : last + 1]
    problem(client.get(f"{video}/download", headers={"Range": f"bytes={size}-"}), 416, "range_not_satisfiable")
    same = client.get(f"{video}/download", headers={"If-None-Match": whole.headers["ETag"]})
    assert same.status_code == 304
    stale = client.get(f"{video}/download", headers={"Range": "bytes=0-9", "If-Range": '"old"'})
    assert (stale.status_code, stale.data) == (200, whole.data)


def test_it_has_the_name_of_the_upload(client: FlaskClient, video: str) -> None:
    told = client.head(f"{video}/download").headers["Content-Disposition"]
    assert told == "attachment; filename=\"Ein schoner Tag.mp4\"; filename*=UTF-8''Ein%20sch%C3%B6ner%20Tag.mp4"


def test_every_variant_has_a_link(client: FlaskClient, anonymous: FlaskClient, video: str) -> None:
    for variant in client.get(video).json["variants"]:
        response = anonymous.get(variant["download_url"])
        assert response.status_code == 200
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert response.data == client.get(f"{video}/download?variant={variant['name']}").data
    problem(anonymous.get(f"{video}/download/a.b.c"), 404, "not_found")
    problem(anonymous.get(f"{video}/download"), 401, "unauthorized")


def test_what_cannot_be_downloaded_is_said(
    client: FlaskClient, client_of: ClientOf, video: str, done: FakeContext
) -> None:
    waiting = upload(client, "/api/videos", MP4).headers["Location"]
    problem(client.get(f"{waiting}/download"), 409, "not_completed")
    refused = problem(client.get(f"{video}/download?variant=9999p"), 422, "invalid_content")
    assert refused["errors"][0]["pointer"] == "variant"
    assert all(each["name"] in refused["errors"][0]["detail"] for each in done.answer["variants"])
    problem(client.get(f"/api/videos/{VIDEO_ID}/download"), 404, "not_found")
    problem(client_of("rival").get(f"{video}/download"), 404, "not_found")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The beginnings that were made and not found."""
    keys: list[Any] = []
    make = downloads._make

    def noted(record: Any, playlist: str, key: str) -> None:
        keys.append(key)
        make(record, playlist, key)

    monkeypatch.setattr(downloads, "_make", noted)
    yield keys


def test_a_new_version_is_another_file_and_the_old_one_goes_with_its_own(
    client: FlaskClient, broker: Broker, video: str, done: FakeContext, made: list[Any]
) -> None:
    video_id, name = video.rpartition("/")[2], done.answer["variants"][-1]["name"]
    first, again = (client.get(f"{video}/download?variant={name}") for _ in range(2))
    assert (first.headers["ETag"], len(made)) == (again.headers["ETag"], 1)
    store(broker, video_id, done.hls, f"{TASK_ID}/")
    again = client.post(f"{video}/reprocess", json={})
    assert again.status_code == 201
    variants = [each | {"playlist": f"{TASK_ID}/{each['playlist']}"} for each in done.answer["variants"]]
    complete(broker, {}, video_id, variants=variants, stream=TASK_ID)
    second = client.get(f"{video}/download?variant={name}")
    assert second.headers["ETag"] != first.headers["ETag"]
    assert second.data == first.data  # it is the same stream here
    assert [paths.place(key).version for key in made] == ["", TASK_ID]


def test_who_comes_while_many_are_prepared_is_told_when_to_come_back(
    client: FlaskClient, video: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_samples, "_PATIENCE", 0)
    taken = [stored_samples._reading.acquire(blocking=False) for _ in range(stored_samples._AT_ONCE)]
    try:
        refused = client.get(f"{video}/download")
        problem(refused, 503, "unavailable")
        assert refused.headers["Retry-After"] == "2"
    finally:
        for _ in filter(None, taken):
            stored_samples._reading.release()
    assert client.get(f"{video}/download").status_code == 200


def test_tracks_that_begin_late_do_so_in_the_file(done: FakeContext) -> None:
    """Earlier releases stored such streams: pictures shown after they are decoded, sound that comes later."""
    init = (done.hls / "audio" / "init.mp4").read_bytes()
    early, late = Samples(), Samples()
    for samples, begins, after in ((early, 0, 480), (late, 48_000, 0)):
        samples.begins, samples.ends = begins, begins + 1024
        for column, value in ((samples.sizes, 4), (samples.durations, 1024), (samples.offsets, after)):
            column.append(value)
        for column, value in ((samples.sync, 1), (samples.starts, 0), (samples.counts, 1)):
            column.append(value)
    moov = inside(beginning([Track(init, early), Track(init, late)], 4)[:-16], b"moov")
    edits = [inside(track, b"edts", b"elst") for kind, track in boxes(moov) if kind == b"trak"]
    assert unpack_from(">IIi", edits[0], 4) == (1, 22, 480)
    assert unpack_from(">IIiIIi", edits[1], 4) == (2, 990, -1, 0x10000, 22, 0)


def test_a_fragment_that_says_another_thing_than_it_should_is_refused() -> None:
    with pytest.raises(ValueError, match="has the size 0"):
        Samples().add(b"\x00\x00\x00\x10traf" + bytes(8), 0, Defaults(0, 0, 0))
