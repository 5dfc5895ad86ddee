"""Guards what viewers look around with: key frames by themselves, and the storyboard above a player's bar."""

import io
import re
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from handlers.transcoding.key_frames import KeyFrame, KeyFrames
from handlers.transcoding.ladder import rungs
from handlers.transcoding.run import transcode
from handlers.transcoding.storyboard import index, layout
from handlers.transcoding.validation.reading import Folder
from handlers.transcoding.validation.renditions import load
from handlers.transcoding.validation.stream import validate
from tests.handlers.transcoding import player
from tests.handlers.transcoding.conftest import Make
from tests.handlers.transcoding.fake_context import FakeContext
from tests.handlers.transcoding.sources import X264, grey

#: Each picture's luma tells its number: 10 a second for 7 s, with a key frame at every 20th.
LUMA = [20 + number * 3 for number in range(70)]


@pytest.fixture(scope="module")
def done(make: Make, tmp_path_factory: pytest.TempPathFactory) -> FakeContext:
    upload = make("counted.mp4", *grey("320x180", "10", 7, "20+N*3"), *X264)
    context = FakeContext(tmp_path_factory.mktemp("counted"), upload)
    context.answer = transcode(context)
    return context


@pytest.fixture(scope="module")
def playlist(done: FakeContext) -> list[str]:
    return (done.hls / "iframes/index.m3u8").read_text().splitlines()


def parts(lines: list[str]) -> Iterator[tuple[int, int]]:
    for line in lines:
        if found := re.match(r"#EXT-X-BYTERANGE:(\d+)@(\d+)", line):
            yield int(found[2]), int(found[1])


def test_each_range_of_the_playlist_is_one_key_frame_that_decodes_alone(done: FakeContext, playlist: list[str]) -> None:
    data = (done.hls / "iframes/iframes.mp4").read_bytes()
    (init,) = (int(found[1]) for line in playlist if (found := re.search(r'BYTERANGE="(\d+)@0"', line)))
    ends = [init]
    for number, (start, length) in enumerate(parts(playlist)):
        with av.open(io.BytesIO(data[:init] + data[start : start + length]), format="mov") as file:
            (frame,) = file.decode(video=0)
        assert frame.key_frame
        assert frame.pts * frame.time_base == 2 * number
        assert frame.to_ndarray()[: frame.height].mean() == pytest.approx(LUMA[20 * number], abs=1.5)
        assert start == ends[-1]
        ends.append(start + length)
    assert (len(ends), ends[-1]) == (5, len(data))
    assert [line for line in playlist if "EXTINF" in line] == ["#EXTINF:2.000000,"] * 3 + ["#EXTINF:1.000000,"]


def test_the_master_playlist_names_it_for_players_that_leap(done: FakeContext) -> None:
    (line,) = [each for each in (done.hls / "master.m3u8").read_text().splitlines() if "I-FRAME" in each]
    assert re.fullmatch(
        r'#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=\d+,AVERAGE-BANDWIDTH=\d+,CODECS="avc1\.[0-9a-f]{6}",'
        r'RESOLUTION=320x180,URI="iframes/index\.m3u8"',
        line,
    )


def test_the_storyboard_shows_each_moment_where_it_says(done: FakeContext) -> None:
    assert done.answer["storyboard"] == "hls/storyboard/storyboard.vtt"
    text = (done.hls / "storyboard/storyboard.vtt").read_text()
    cues = re.findall(r"([\d:.]+) --> ([\d:.]+)\n(.+)#xywh=(\d+),(\d+),(\d+),(\d+)\n", text)
    assert [(start, end) for start, end, *_ in cues] == [
        ("00:00:00.000", "00:00:02.000"),
        ("00:00:02.000", "00:00:04.000"),
        ("00:00:04.000", "00:00:06.000"),
        ("00:00:06.000", "00:00:07.000"),
    ]
    for number, (_, _, name, *area) in enumerate(cues):
        x, y, width, height = map(int, area)
        assert (width, height) == (160, 90)
        with Image.open(done.hls / "storyboard" / name) as sheet:
            tile = np.asarray(sheet.convert("L").crop((x, y, x + width, y + height)))
        assert tile.mean() == pytest.approx((LUMA[20 * number] - 16) * 255 / 219, abs=4)


def test_the_source_is_read_to_encode_it_and_for_nothing_else(done: FakeContext) -> None:
    others = [command for command in done.commands if "libx264" not in command]
    assert len(others) >= 2
    assert not [command for command in others if any("storage" in part for part in command)]


def test_a_long_video_has_a_hundred_pictures_on_sheets_of_25() -> None:
    (rung,) = rungs(1080, 1920)[:1]
    found = KeyFrames(rung, "", 0, tuple(KeyFrame(2 * n, 2, 0, 1) for n in range(1750)))  # type: ignore[arg-type]
    board = layout(found)
    assert (board.every, board.tiles, board.columns, board.rows) == (18, 98, 5, 5)
    assert board.sheets == [f"storyboard/tiles_00{number}.jpg" for number in range(1, 5)]
    assert (board.width, board.height) == (90, 160)
    assert index(found, board).endswith("00:58:12.000 --> 00:58:20.000\ntiles_004.jpg#xywh=180,640,90,160\n")


@pytest.mark.parametrize(
    ("pattern", "by", "told"),
    [
        ("tiles_001", "tiles_009", "is not there"),
        ("#xywh=160,0", "#xywh=160,90", "outside tiles_001.jpg"),
        ("#xywh.*", "", "names no part of a picture"),
        ("00:02.000 -->", "00:01.000 -->", "before the one before it ends"),
        ("--> 00:00:07", "--> 00:00:09", "ends at 9.0 s, the video at 7.0 s"),
        ("WEBVTT", "", "does not begin with WEBVTT"),
    ],
)
def test_the_validator_finds_a_wrong_storyboard(
    done: FakeContext, monkeypatch: pytest.MonkeyPatch, pattern: str, by: str, told: str
) -> None:
    reader = Folder(done.hls)
    read = reader.read

    def spoilt(uri: str, *arguments: object, **named: object) -> bytes:
        data = read(uri, *arguments, **named)  # type: ignore[arg-type]
        return re.sub(pattern, by, data.decode()).encode() if uri.endswith(".vtt") else data

    def check() -> list[str]:
        stream = validate("master.m3u8", reader, partial(load, reader=reader), storyboard="storyboard/storyboard.vtt")
        return list(stream.report.lines())

    assert check() == []
    monkeypatch.setattr(reader, "read", spoilt)
    assert any(told in line for line in check())


def test_a_browser_plays_what_has_key_frames_beside_it(done: FakeContext, tmp_path: Path) -> None:
    with player.playing(shutil.copytree(done.hls, tmp_path / "hls")) as page:
        seen = player.watched(page)
    assert (seen["fatal"], seen["ended"], seen["frames"], seen["ranges"]) == ([], True, 70, 1)
    assert seen["levels"] == [180]
    assert seen["starts"]["video"] == 0
