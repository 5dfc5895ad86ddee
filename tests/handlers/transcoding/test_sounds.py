"""Guards all sound of a video: every track with its language and name, sound alone, and how loud it is."""

import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handlers.transcoding.further_sound import named
from handlers.transcoding.run import transcode
from handlers.transcoding.source import SoundTrack
from handlers.transcoding.task import VideoTranscodingResult
from handlers.transcoding.validation.reading import Folder
from handlers.transcoding.validation.renditions import load
from handlers.transcoding.validation.stream import validate as check
from tests.handlers.transcoding import playback, player
from tests.handlers.transcoding.conftest import Make, Transcode
from tests.handlers.transcoding.fake_context import FakeContext
from tests.handlers.transcoding.sources import AAC, X264, picture
from tests.handlers.transcoding.validator import validate


def tone(hertz: int, amplitude: float, seconds: float) -> tuple[str, ...]:
    return ("-f", "lavfi", "-i", f"aevalsrc='{amplitude}*sin(2*PI*{hertz}*t)':s=48000:d={seconds}")


@pytest.fixture(scope="module")
def done(make: Make, tmp_path_factory: pytest.TempPathFactory) -> FakeContext:
    """A comment of 1 s without a language, German as the default, and French with a title."""
    inputs = (*picture("64x64", "10", 2), *tone(400, 0.1, 1), *tone(1000, 0.5, 2), *tone(2500, 0.1, 2))
    tags = ("-metadata:s:a:1", "language=deu", "-metadata:s:a:2", "language=fra", "-metadata:s:a:2", 'title=Le "film"')
    marks = ("-disposition:a:0", "0", "-disposition:a:1", "default", "-disposition:a:2", "0")
    maps = ("-map", "0", "-map", "1", "-map", "2", "-map", "3")
    upload = make("spoken.mkv", *inputs, *maps, *X264, *AAC, *tags, *marks)
    context = FakeContext(tmp_path_factory.mktemp("spoken"), upload)
    context.answer = transcode(context)
    return context


def pitch(rendition: Any) -> float:
    """The strongest frequency of the first second, in Hz."""
    samples = playback.loudness(rendition)[:48_000]
    spectrum = np.abs(np.fft.rfft(samples - samples.mean()))
    return float(np.argmax(spectrum)) / 2  # the samples are absolute values: twice the pitch


def test_every_track_is_a_rendition_with_its_language_and_name(done: FakeContext) -> None:
    ladder = validate(done.hls)
    assert ladder.audio is not None
    found = [round(pitch(each), -1) for each in (ladder.audio, *ladder.further)]
    assert found == [1000, 400, 2500]
    assert [(each["name"], each["language"]) for each in done.answer["audio_tracks"]] == [
        ("de", "de"),
        ("Audio 2", "und"),
        ("Le 'film'", "fr"),
    ]
    lines = [line for line in (done.hls / "master.m3u8").read_text().splitlines() if "EXT-X-MEDIA" in line]
    for line, each in zip(lines, done.answer["audio_tracks"], strict=True):
        assert f'NAME="{each["name"]}",LANGUAGE="{each["language"]}"' in line
        assert f'URI="{each["playlist"]}"' in line
    assert done.answer["warnings"] == []


def test_the_product_s_validator_finds_nothing(done: FakeContext) -> None:
    reader = Folder(done.hls)
    assert list(check("master.m3u8", reader, partial(load, reader=reader)).report.lines()) == []


def test_how_loud_the_first_is(done: FakeContext) -> None:
    """A tone of 1 kHz at -6 dB, spread over two channels at equal power: -9 dB in each, and so -9 LUFS in both."""
    loudness = done.answer["loudness"]
    assert VideoTranscodingResult().validate(done.answer) == {}
    assert loudness["integrated_lufs"] == pytest.approx(-9.0, abs=0.3)
    assert -9.5 < loudness["true_peak_dbtp"] < -3  # the codec overshoots where the tone sets in
    assert loudness["range_lu"] < 1
    assert done.attached["loudness"] == loudness


def test_silence_has_no_peak(make: Make, run: Transcode) -> None:
    silent = make("silent.mp4", *picture("64x64", "10", 0.5), *tone(1000, 0, 0.5), *X264, *AAC)
    assert run(silent).answer["loudness"] == {"integrated_lufs": -70.0, "range_lu": 0.0, "true_peak_dbtp": None}


def test_one_that_cannot_be_decoded_is_left_out(make: Make, tmp_path: Path) -> None:
    inputs = (*picture("64x64", "10", 1), *tone(1000, 0.5, 1), *tone(400, 0.5, 1), *tone(2500, 0.5, 1))
    maps = ("-map", "0", "-map", "1", "-map", "2", "-map", "3")
    upload = make("three.mkv", *inputs, *maps, *X264, "-c:a:0", "aac", "-c:a:1", "flac", "-c:a:2", "aac")
    data = bytearray(upload.read_bytes())
    at = data.find(b"\xff\xf8")
    assert at > 0
    while at > 0:  # frames of FLAC begin so
        data[at : at + 40] = bytes(40)
        at = data.find(b"\xff\xf8", at)
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(data)
    context = FakeContext(tmp_path, broken)
    answer = transcode(context)
    assert [line for line in answer["warnings"] if "Sound track 2 cannot be decoded: it is left out." in line]
    assert [round(pitch(each), -1) for each in validate(context.hls).further] == [2500]
    assert [each["playlist"] for each in answer["audio_tracks"]] == ["audio/index.m3u8", "audio3/index.m3u8"]


def test_names_are_never_alike() -> None:
    tracks = [
        SoundTrack(0, "und", 1, ""),
        SoundTrack(1, "fra", 1, ""),
        SoundTrack(2, "fra", 1),
        SoundTrack(3, "und", 1),
    ]
    assert named(tracks) == ["Audio", "fra", "fra 2", "Audio 4"]


def test_a_viewer_changes_the_language(done: FakeContext, tmp_path: Path) -> None:
    with player.playing(shutil.copytree(done.hls, tmp_path / "hls")) as page:
        assert page.evaluate("hls.audioTracks.map((each) => [each.name, each.lang, each.default])") == [
            ["de", "de", True],
            ["Audio 2", "und", False],
            ["Le 'film'", "fr", False],
        ]
        # hls.js 1.7.4 never begins where the track is changed while the first segment of another is on its way.
        page.wait_for_function("() => video.buffered.length")
        page.evaluate("hls.audioTrack = 2")
        seen = player.watched(page)
        assert page.evaluate("hls.audioTrack") == 2
        fetched = page.evaluate("performance.getEntriesByType('resource').map((each) => each.name)")
    assert any("/audio3/seg_00000" in each for each in fetched)
    assert (seen["fatal"], seen["ended"], seen["frames"], seen["levels"]) == ([], True, 20, [64])
    assert "video" in seen["starts"]
    assert set(seen["starts"].values()) == {0}
