"""Subtitle tracks of an upload become its captions, whatever the file is; none keeps a video from being made."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from broker.captions.caption import from_info
from broker.captions.reading import read_captions
from broker.media import paths
from handlers.transcoding.run import transcode
from tests.handlers.transcoding.conftest import Make, Transcode
from tests.handlers.transcoding.fake_context import TENANT, VIDEO_ID, FakeContext

SMALL = ("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=25:duration=4")
X264 = ("-c:v", "libx264", "-preset", "ultrafast")
SRT = "1\n00:00:01,000 --> 00:00:02,500\nTea <i>for</i> two & more\n\n2\n00:00:03,000 --> 00:00:03,500\nGood\n"


@pytest.fixture(scope="session")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "texts.srt"
    path.write_text(SRT)
    return path


def shown(context: FakeContext, number: int = 0) -> list[tuple[int, int, str]]:
    caption = from_info(context.attached)[number]
    with context.storage.open(paths.caption(TENANT, VIDEO_ID, caption.id)) as file:
        return [(cue.start, cue.end, cue.text) for cue in read_captions(file.read())]


def run_again(context: FakeContext) -> None:
    shutil.rmtree(context.scratch)
    context.scratch.mkdir()
    context.attached = {}
    transcode(context)


@pytest.mark.parametrize(
    ("name", "codec"), [("mov.mp4", "mov_text"), ("srt.mkv", "subrip"), ("ass.mkv", "ass"), ("vtt.mkv", "webvtt")]
)
def test_text_of_every_kind_is_shown_when_it_was(
    make: Make, run: Transcode, texts: Path, name: str, codec: str
) -> None:
    context = run(
        make(
            name,
            *SMALL,
            "-i",
            str(texts),
            "-map",
            "0",
            "-map",
            "1",
            *X264,
            "-c:s",
            codec,
            "-metadata:s:s:0",
            "language=fre",
        )
    )
    (caption,) = from_info(context.attached)
    assert (caption.language, caption.source, caption.cues) == ("fr", "embedded", 2)
    assert shown(context) == [(1000, 2500, "Tea <i>for</i> two &amp; more"), (3000, 3500, "Good")]
    assert context.answer["warnings"] == []
    (searched,) = context.followed
    assert (searched.type, searched.payload["speech_only"], searched.background) == ("EmbeddingGeneration", True, True)


def test_tracks_keep_their_titles_and_a_second_run_makes_the_same(
    make: Make, run: Transcode, texts: Path, tmp_path: Path
) -> None:
    titles = (
        "-metadata:s:s:0",
        "title=Für  Gehörlose",
        "-metadata:s:s:0",
        "language=ger",
        "-metadata:s:s:1",
        "language=x",
    )
    upload = make(
        "two.mkv", *SMALL, "-i", str(texts), *("-map", "0", "-map", "1", "-map", "1"), *X264, "-c:s", "srt", *titles
    )
    context = run(upload)
    captions = from_info(context.attached)
    assert [(each.language, each.label) for each in captions] == [("de", "Für Gehörlose"), ("und", "und")]
    run_again(context)
    assert from_info(context.attached) == captions


def test_who_has_taken_them_away_does_not_get_them_back(make: Make, run: Transcode, texts: Path) -> None:
    context = run(make("again.mkv", *SMALL, "-i", str(texts), "-map", "0", "-map", "1", *X264, "-c:s", "srt"))
    context.record = replace(context.record, info={"variants": []})
    run_again(context)
    assert from_info(context.attached) == []


def test_drawn_subtitles_are_left_out_and_said(make: Make, run: Transcode, texts: Path) -> None:
    """A track of pictures, which ffmpeg makes of none of text: so one of nothing but its header."""
    empty = texts.with_name("empty.srt")
    empty.write_text("\n")
    context = run(
        make("empty.mkv", *SMALL, "-i", str(texts), *("-map", "0", "-map", "1"), *X264, "-c:s", "srt", "-t", "0.5")
    )
    assert from_info(context.attached) == []
    assert context.answer["warnings"] == ["1 subtitle track is left out: no text can be read of it."]
