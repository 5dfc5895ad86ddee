"""Ranges of a video: as one file exact to the picture, as a playlist to the segment, and nothing is encoded."""

import io
import re
import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import av
import pytest
from flask.testing import FlaskClient

from gateway import clips, stored_samples
from handlers.transcoding.ffmpeg import binary
from handlers.transcoding.validation.playlist import ByteRange
from handlers.transcoding.validation.reading import MAX_FILE, Unreadable
from handlers.transcoding.validation.renditions import load
from handlers.transcoding.validation.stream import validate
from tests.gateway.media import MP4, upload
from tests.gateway.problem import problem
from tests.gateway.transcoded import RATE, SECONDS
from tests.handlers.transcoding.fake_context import FakeContext

#: Seconds of one AAC frame.
FRAME = 1024 / 48_000


@pytest.fixture(autouse=True)
def forgotten() -> None:
    clips._known = clips._Known()


def pictures(file: Path) -> list[str]:
    """A digest of each that a player shows."""
    argv = [binary(), "-v", "error", "-i", str(file), "-map", "0:v", "-f", "framemd5", "-"]
    told = subprocess.run(argv, check=True, timeout=60, capture_output=True, text=True).stdout
    return [line.rpartition(",")[2].strip() for line in told.splitlines() if not line.startswith("#")]


@pytest.fixture(scope="module")
def frames(done: FakeContext, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Those of the whole rendition."""
    folder, whole = done.hls / done.answer["variants"][-1]["name"], tmp_path_factory.mktemp("whole") / "whole.mp4"
    parts = [folder / "init.mp4", *sorted(folder.glob("*.m4s"))]
    whole.write_bytes(b"".join(each.read_bytes() for each in parts))
    return pictures(whole)


RANGES = [
    (0.5, 1.0, 13, 25),  # within the first group of pictures; none begins at 0.5, so the next is the first
    (1.96, 2.04, 49, 51),  # around a key frame
    (5.0, 7.0, 125, 175),  # over the end of a segment
    (6.0, 6.04, 150, 151),  # one picture
    (0.0, 8.0, 0, 200),
    (7.96, 8.0, 199, 200),
]


@pytest.mark.parametrize(("start", "end", "first", "last"), RANGES)
def test_a_clip_shows_the_pictures_that_begin_in_its_range_and_its_sound(
    client: FlaskClient,
    video: str,
    frames: Sequence[str],
    tmp_path: Path,
    start: float,
    end: float,
    first: int,
    last: int,
) -> None:
    response = client.get(f"{video}/download?start={start}&end={end}")
    assert (response.status_code, response.content_type) == (200, "video/mp4")
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(response.data)
    assert pictures(clip) == frames[first:last]
    length = (last - first) / RATE
    with av.open(str(clip)) as file:
        shown = [each.time for each in file.decode(video=0)]
        assert shown[0] == 0
        file.seek(0)
        heard = [(each.time, each.samples / each.sample_rate) for each in file.decode(audio=0)]
        assert heard[0][0] == pytest.approx(0, abs=FRAME)
        assert sum(seconds for _, seconds in heard) == pytest.approx(length, abs=FRAME)
        assert file.duration / av.time_base == pytest.approx(length, abs=2e-3)


def sound_of(data: bytes) -> list[tuple[bytes, int]]:
    """Each frame of it, and at which sample it is heard."""
    with av.open(io.BytesIO(data)) as file:
        return [(bytes(each), round(each.pts * each.time_base * 48_000)) for each in file.demux(audio=0) if each.size]


def test_its_sound_is_that_of_the_video_at_that_moment(client: FlaskClient, video: str) -> None:
    whole = dict(sound_of(client.get(f"{video}/download").data))
    clip = sound_of(client.get(f"{video}/download?start=5&end=7").data)
    assert len(whole) == len(sound_of(client.get(f"{video}/download").data))
    assert {whole[frame] - at for frame, at in clip} == {5 * 48_000}
    assert clip[0][1] <= -1024 < clip[1][1]  # one that is not heard comes first


def test_no_more_comes_along_than_its_first_picture_needs(client: FlaskClient, video: str) -> None:
    whole, clip = (len(client.get(f"{video}/download{query}").data) for query in ("", "?start=6&end=6.4"))
    assert clip < whole / 8


def test_neighbours_share_no_picture_and_miss_none(
    client: FlaskClient, video: str, frames: Sequence[str], tmp_path: Path
) -> None:
    shown = []
    for query in ("end=3.333", "start=3.333&end=6.67", "start=6.67"):
        (tmp_path / "clip.mp4").write_bytes(client.get(f"{video}/download?{query}").data)
        shown += pictures(tmp_path / "clip.mp4")
    assert shown == list(frames)


def test_any_part_of_a_clip_can_be_asked_for(client: FlaskClient, video: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"{video}/download?start=5.5&end=6.5"
    whole = client.get(path)
    size = len(whole.data)
    clips._known = clips._Known()  # another process answers
    head = client.head(path)
    assert (int(head.headers["Content-Length"]), head.headers["ETag"]) == (size, whole.headers["ETag"])
    monkeypatch.setattr(stored_samples, "read", None)  # it is remembered
    for first, last in ((0, 0), (10, 99), (1000, size - 1), (size // 3, size // 2), (size - 5, size + 50)):
        part = client.get(path, headers={"Range": f"bytes={first}-{last}"})
        assert (part.status_code, part.data) == (206, whole.data[first : last + 1])
    assert client.get(path, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304
    told = whole.headers["Content-Disposition"]
    assert told.startswith('attachment; filename="Ein schoner Tag 5.5-6.5.mp4"')


def test_a_link_gives_clips_too(client: FlaskClient, anonymous: FlaskClient, video: str) -> None:
    link = client.get(video).json["variants"][0]["download_url"]
    assert anonymous.get(f"{link}&start=1&end=2").data == client.get(f"{video}/download?start=1&end=2").data


def test_only_so_many_bytes_of_clips_are_remembered(
    client: FlaskClient, video: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clips, "_REMEMBERED", 20_000)
    for number in range(10):
        client.get(f"{video}/download?start={number / 10}")
    assert 0 < len(clips._known._clips) < 10


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("start=3&end=3", "end"),
        ("start=3&end=2", "end"),
        ("start=8", "start"),
        ("start=1e99", "start"),
        ("end=8.1", "end"),
        ("end=1e99", "end"),
        ("start=-1", "start"),
        ("start=nan", "start"),
        ("end=inf", "end"),
        ("end=0", "end"),
        ("start=0.001&end=0.002", "end"),
    ],
)
def test_a_range_that_is_none_is_refused(client: FlaskClient, video: str, query: str, pointer: str) -> None:
    refused = problem(client.get(f"{video}/download?{query}"), 422, "invalid_content")
    assert [each["pointer"] for each in refused["errors"]] == [pointer]


def test_of_a_video_that_is_not_finished_there_is_no_clip(client: FlaskClient) -> None:
    waiting = upload(client, "/api/videos", MP4).headers["Location"]
    problem(client.get(f"{waiting}/download?start=1"), 409, "not_completed")


def playlists(anonymous: FlaskClient, master: str, query: str) -> dict[str, str]:
    """The playlists that a player reads which opens this master playlist, by the names of their folders."""
    base, text = master.rpartition("/")[0], anonymous.get(master + query).text
    named = re.findall(r'[^"\s]+\.m3u8[^"\s]*', text)
    assert named
    assert all("?start=" in each for each in named)
    return {"": text} | {each.partition("/")[0]: anonymous.get(f"{base}/{each}").text for each in named}


def lengths(playlist: str) -> list[tuple[str, float]]:
    return [(name, float(length)) for length, name in re.findall(r"#EXTINF:([\d.]+),\n(?:#.*\n)*(\S+)", playlist)]


def test_a_playlist_of_a_range_names_its_segments_alone(
    client: FlaskClient, anonymous: FlaskClient, video: str, done: FakeContext
) -> None:
    master, name = client.get(video).json["hls_url"], done.answer["variants"][-1]["name"]
    late = playlists(anonymous, master, "?start=6.5&end=7")
    assert "#EXT-X-START:TIME-OFFSET=0.500,PRECISE=YES" in late[""]
    assert lengths(late[name]) == [("seg_00001.m4s", 2.0)]
    ((sounded, length),) = lengths(late["audio"])
    assert (sounded, round(length)) == ("seg_00001.m4s", 2)
    assert len(lengths(late["iframes"])) == 1
    assert late[name].endswith("#EXT-X-ENDLIST\n")
    both = playlists(anonymous, master, "?start=5.999&end=6.001")
    assert [len(lengths(both[each])) for each in (name, "audio")] == [2, 2]
    early = playlists(anonymous, master, "?end=6")
    assert "#EXT-X-START" not in early[""]
    assert [len(lengths(early[each])) for each in (name, "audio")] == [1, 1]


class Links:
    """Reads what the gateway serves."""

    def __init__(self, client: FlaskClient) -> None:
        self._client = client

    def read(self, uri: str, part: ByteRange | None = None, most: int = MAX_FILE) -> bytes:
        headers = {"Range": f"bytes={part.start}-{part.start + part.length - 1}"} if part else {}
        answer = self._client.get(uri, headers=headers)
        if answer.status_code not in (200, 206):
            raise Unreadable(f"answers {answer.status_code}")
        return bytes(answer.data)

    def place(self, uri: str) -> str:
        return uri


def test_the_stream_of_a_range_is_sound(client: FlaskClient, anonymous: FlaskClient, video: str) -> None:
    reader = Links(anonymous)
    master = client.get(video).json["hls_url"]
    for query, shown in (("?start=6.5&end=7", 2), ("?start=1", 8)):
        stream = validate(master + query, reader, partial(load, reader=reader))
        assert list(stream.report.lines()) == []
        assert {round(each.playlist.seconds) for each in stream.renditions.values()} == {shown}


def test_a_range_of_a_playlist_is_checked_and_other_queries_are_a_players_own(
    client: FlaskClient, anonymous: FlaskClient, video: str, done: FakeContext
) -> None:
    master, name = client.get(video).json["hls_url"], done.answer["variants"][-1]["name"]
    for path in (master, master.replace("master.m3u8", f"{name}/index.m3u8")):
        for query, pointer in (
            ("start=8", "start"),
            ("start=2&end=1", "end"),
            ("end=1e9", "end"),
            ("start=x", "start"),
        ):
            refused = problem(anonymous.get(f"{path}?{query}"), 422, "invalid_content")
            assert [each["pointer"] for each in refused["errors"]] == [pointer]
        assert anonymous.get(f"{path}?v=2").text == anonymous.get(path).text


def test_captions_of_a_range_are_as_long(client: FlaskClient, anonymous: FlaskClient, video: str) -> None:
    text = "WEBVTT\n\n00:00:01.000 --> 00:00:07.500\nHallo\n"
    data = {"file": (io.BytesIO(text.encode()), "de.vtt"), "language": "de"}
    assert client.post(f"{video}/captions", data=data).status_code == 201
    shown = playlists(anonymous, client.get(video).json["hls_url"], "?start=6.5")
    assert [length for _, length in lengths(shown["captions"])] == [pytest.approx(SECONDS - 6)]


def test_a_rendition_that_is_called_like_a_playlist_keeps_its_name(
    client: FlaskClient, anonymous: FlaskClient, video: str
) -> None:
    text = "WEBVTT\n\n00:00:01.000 --> 00:00:07.500\nHallo\n"
    data = {"file": (io.BytesIO(text.encode()), "de.vtt"), "language": "de", "label": "cut.m3u8"}
    assert client.post(f"{video}/captions", data=data).status_code == 201
    assert 'NAME="cut.m3u8",' in anonymous.get(client.get(video).json["hls_url"] + "?start=6.5").text
