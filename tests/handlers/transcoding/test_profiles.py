"""Guards what an upload may choose of its encoding: profiles, codecs, ladders, hardware."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from broker.environment.video_profiles import BUILT_IN, Profile
from broker.errors import PermanentError
from broker.media.storage import StoredObject
from handlers.transcoding import encoders, prepare
from handlers.transcoding.encoder import Video
from handlers.transcoding.ladder import rungs
from handlers.transcoding.plan import plan
from handlers.transcoding.run import transcode
from handlers.transcoding.scan import scan
from handlers.transcoding.task import VideoTranscodingResult
from handlers.transcoding.validation.fragments import read_init, read_samples, refreshed
from handlers.transcoding.validation.reading import Folder
from handlers.transcoding.validation.renditions import load
from handlers.transcoding.validation.stream import validate as check
from tests.handlers.transcoding.conftest import Make
from tests.handlers.transcoding.fake_context import FakeContext
from tests.handlers.transcoding.killing import killed_at
from tests.handlers.transcoding.sources import AAC, X264, picture, sound
from tests.handlers.transcoding.validator import validate

#: Two segments of 6 s: the larger rendition is made in two runs, the smallest too.
LONG = ("long.mp4", *picture("264x146", "6", 7), *sound(7), *X264, *AAC)
SHORT = ("short.mp4", *picture("128x72", "10", 1), *X264)


def transcoded(folder: Path, upload: Path, **options: Any) -> FakeContext:
    folder.mkdir(exist_ok=True)
    context = FakeContext(folder, upload)
    context.payload = context.payload | options
    context.answer = transcode(context)
    return context


def _begins(done: FakeContext, codec: str, number: int) -> bool | None:
    """Whether decoding can begin at a sample of the first segment, as the validator sees it."""
    track, data = read_init((done.hls / "144p/init.mp4").read_bytes()), (done.hls / "144p/seg_00000.m4s").read_bytes()
    assert track.codec.startswith({"hevc": "hvc1", "av1": "av01"}[codec])
    sample = read_samples(data, track)[number]
    return refreshed(data[sample.at : sample.at + sample.size], track)


@pytest.mark.parametrize(
    ("codec", "encoder", "named"), [("hevc", "libx265", "hvc1.1.6.L"), ("av1", "libsvtav1", "av01.0.0")]
)
def test_other_codecs_are_whole_streams(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: str, encoder: str, named: str
) -> None:
    """Headers are the same in all runs, or the run would have failed; key frames fall together; each part decodes.

    One that was killed in the middle, and goes on, has the same bytes in the end.
    """
    one = transcoded(tmp_path / "one", make(*LONG), profile=codec, ladder=[146, 144])
    assert VideoTranscodingResult().validate(one.answer) == {}
    assert (one.answer["encoder"], one.answer["profile"], one.answer["warnings"]) == (encoder, codec, [])
    assert [each["name"] for each in one.answer["variants"]] == ["144p", "146p"]
    assert all(each["codecs"].startswith(named) for each in one.answer["variants"])
    ladder = validate(one.hls)
    assert [[len(part) for part in each.video.samples] for each in ladder.variants] == [[36, 6], [36, 6]]
    reader = Folder(one.hls)
    assert list(check("master.m3u8", reader, partial(load, reader=reader)).report.lines()) == []
    begins = [_begins(one, codec, number) for number in (0, 1)]
    assert begins == [True, False]
    (tmp_path / "killed").mkdir()
    killed = FakeContext(tmp_path / "killed", make(*LONG))
    killed.payload = killed.payload | {"codec": codec, "ladder": [144, 146]}
    again = killed_at(killed, "146p/seg_00001.m4s", monkeypatch)
    transcode(again)
    assert {name: (again.hls / name).read_bytes() for name in again.stored()} == {
        name: (one.hls / name).read_bytes() for name in one.stored()
    }


def test_the_operator_s_profile_is_what_names_none(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEO_PROFILES", '{"tiny": {"ladder": [144], "quality": "low"}}')
    monkeypatch.setenv("VIDEO_PROFILE", "tiny")
    answer = transcoded(tmp_path, make("wide.mp4", *picture("320x180", "10", 1), *X264)).answer
    assert (answer["profile"], [each["name"] for each in answer["variants"]]) == ("tiny", ["144p"])


def test_a_profile_that_has_gone_fails_in_words(make: Make, tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="no profile gone; there are av1, default, hevc, high, small"):
        transcoded(tmp_path, make(*SHORT), profile="gone")


class TestLadder:
    @pytest.mark.parametrize("name", BUILT_IN)
    @pytest.mark.parametrize(("width", "height"), [(1920, 1080), (640, 362), (101, 57), (400, 4000), (3840, 2160)])
    def test_no_rendition_is_larger_than_its_source(self, name: str, width: int, height: int) -> None:
        made = rungs(width, height, BUILT_IN[name])
        assert made
        for rung in made:
            assert rung.width <= width
            assert rung.height <= height
        assert [each.name for each in made] == [f"{each}p" for each in sorted(int(rung.name[:-1]) for rung in made)]

    def test_what_is_asked_for_is_made_smallest_first(self) -> None:
        made = rungs(3840, 2160, Profile(ladder=(2160, 300, 1440)))
        sizes = [(each.name, each.width, each.height) for each in made]
        assert sizes == [("300p", 534, 300), ("1440p", 2560, 1440), ("2160p", 3840, 2160)]

    def test_rates_grow_with_the_side_and_shrink_with_better_codecs(self) -> None:
        made = rungs(3840, 2160, Profile(ladder=(144, 200, 360, 540, 1080, 2160)))
        rates = [each.max_rate for each in made]
        assert rates == sorted(rates)
        assert (rates[0], rates[2], rates[5]) == (200_000, 800_000, 16_000_000)
        small = rungs(640, 360, Profile(ladder=(360,), codec="av1", quality="low"))
        assert small[0].max_rate == round(800_000 * 0.55 * 0.6)


def test_whatever_changes_the_encoding_is_begun_afresh(make: Make, tmp_path: Path) -> None:
    path, stored = make(*SHORT), StoredObject(1, "etag")
    source = scan(str(path), "mov")
    plans = [
        plan(source),
        plan(source, Profile(quality="high")),
        plan(source, Profile(quality="low")),
        plan(source, Profile(codec="hevc"), "libx265"),
        plan(source, Profile(), "h264_nvenc"),
        plan(source, Profile(), "h264_vaapi"),
        plan(source, Profile(), loudness=-16.0),
        plan(source, Profile(), loudness=-23.0),
    ]
    digests = {prepare.digest_of(stored, Video(path, "mov", source, each, "")) for each in plans}
    assert len(digests) == len(plans)


class TestHardware:
    """There is none here: what ffmpeg lists cannot be opened."""

    @pytest.fixture(autouse=True)
    def fresh(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(encoders, "_works", {})

    def test_never_is_the_default_and_tries_none(self, make: Make, tmp_path: Path) -> None:
        done = transcoded(tmp_path, make(*SHORT))
        assert (done.answer["encoder"], done.answer["warnings"]) == ("libx264", [])
        assert not any("nvenc" in part for command in done.commands for part in command)

    def test_preferred_and_not_there_is_software_with_a_warning(
        self, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("VIDEO_HARDWARE", "prefer")
        first = transcoded(tmp_path / "first", make(*SHORT))
        assert first.answer["encoder"] == "libx264"
        assert first.answer["warnings"] == ["It was encoded by software: no hardware of the worker encodes h264."]
        tried = [part for command in first.commands for part in command if part.startswith("h264_")]
        assert tried == [f"h264_{each}" for each in encoders.HARDWARE]
        second = transcoded(tmp_path / "second", make(*SHORT))
        assert len(first.commands) - len(second.commands) == len(encoders.HARDWARE)  # tried once in a process

    def test_required_and_not_there_is_an_error(
        self, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("VIDEO_HARDWARE", "require")
        context = FakeContext(tmp_path, make(*SHORT))
        with pytest.raises(
            PermanentError, match="No hardware of the worker encodes h264, which VIDEO_HARDWARE=require"
        ):
            transcode(context)
        assert context.stored() == []

    def test_what_works_at_first_and_fails_then_is_made_by_software(
        self, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A card whose memory is full, say."""
        monkeypatch.setenv("VIDEO_HARDWARE", "prefer")
        monkeypatch.setattr(encoders, "_works", {"h264_nvenc": True})
        done = transcoded(tmp_path / "prefer", make(*SHORT))
        assert any("h264_nvenc" in command for command in done.commands)
        assert done.answer["encoder"] == "libx264"
        assert done.answer["warnings"] == ["It was encoded by software: the worker's hardware has failed on it."]
        validate(done.hls)
        monkeypatch.setenv("VIDEO_HARDWARE", "require")
        with pytest.raises(PermanentError, match="h264_nvenc has failed"):
            transcoded(tmp_path / "require", make(*SHORT))

    def test_a_codec_that_cannot_be_encoded_here_is_never_another(
        self, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(encoders.SOFTWARE, "hevc", "another_libx265")
        with pytest.raises(PermanentError, match="cannot encode hevc: another_libx265 is missing"):
            transcoded(tmp_path, make(*SHORT), codec="hevc")
