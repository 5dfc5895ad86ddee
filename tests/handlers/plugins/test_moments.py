"""Guards the moments of videos: the frame shown is the one of that time, whatever the container does when it seeks."""

import io
from pathlib import Path

import pytest
from PIL import Image

from handlers.plugins.media_info import MediaInfo
from handlers.plugins.thumbnail import Thumbnail
from tests.handlers.plugins.test_local import kept, made, start
from tests.handlers.transcoding.sources import AAC, X264, grey, sound

RATE, SECONDS = 25, 6
#: A new shade every fifth of a second.
SHADES = grey("128x96", str(RATE), SECONDS, "40+5*floor(N/5)")
MPEG2 = ("-c:v", "mpeg2video", "-q:v", "2", "-g", "12", "-bf", "2")
SHORT = (*X264, "-g", "25")
OPEN = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "25", "-x264-params", "open-gop=1:bframes=3:scenecut=0")
FILES = {
    "a.ts": SHORT,
    "a.mts": (*SHORT, "-f", "mpegts", "-mpegts_m2ts_mode", "1"),
    "a.mpg": MPEG2,
    "mpeg2.ts": MPEG2,
    "one-group.ts": (*X264, "-g", "1000"),
    "open.ts": OPEN,
    "refresh.ts": ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "25", "-x264-params", "intra-refresh=1:bframes=0"),
    "a.flv": SHORT,
    "a.mkv": SHORT,
    "no-index.webm": ("-c:v", "libvpx", "-g", "25", "-b:v", "1M", "-live", "1"),
    "a.ogv": ("-c:v", "libtheora", "-g", "25", "-q:v", "8"),
    "a.mp4": SHORT,
}


@pytest.mark.parametrize("name", FILES)
def test_the_frame_of_the_time_is_shown(tmp_path: Path, name: str) -> None:
    times = [0, 0.5, 2.46, 4.9, 5.97, 99]
    found, task = start(
        tmp_path, Thumbnail(), made(tmp_path, name, *SHADES, *FILES[name]), "video", sizes=[128], times=times
    )
    assert len(found["thumbnails"]) == len(times)
    for asked, told in zip(times, found["thumbnails"], strict=True):
        frame = int(min(asked, SECONDS - 1 / RATE) * RATE + 1e-6)
        # The encoder of Theora writes nothing for a frame that is like the one before it.
        assert told["time_seconds"] == pytest.approx(frame / RATE, abs=0.21 if name == "a.ogv" else 0.021), asked
        with Image.open(io.BytesIO(kept(task, "thumbnail", told["file"]))) as still:
            shade = (40 + 5 * (frame // 5) - 16) * 255 / 219
            assert still.convert("L").getpixel((60, 40)) == pytest.approx(shade, abs=5), asked


def test_a_tenth_of_the_length_is_shown_when_no_time_is_set(tmp_path: Path) -> None:
    found, _ = start(tmp_path, Thumbnail(), made(tmp_path, "a.ts", *SHADES, *SHORT), "video")
    assert [each["time_seconds"] for each in found["thumbnails"]] == pytest.approx([0.6])


def test_of_two_tracks_the_larger_is_shown(tmp_path: Path) -> None:
    sizes = [grey(size, "25", 1, "100") for size in ("64x48", "128x96")]
    tracks = [*sizes[0], *sizes[1], "-map", "0", "-map", "1", *X264]
    found, _ = start(tmp_path, Thumbnail(), made(tmp_path, "a.mkv", *tracks, "-disposition", "0"), "video")
    assert found["thumbnails"][0]["width"] == 128


def test_colours_that_nothing_converts_are_shown_all_the_same(tmp_path: Path) -> None:
    data = made(tmp_path, "a.mkv", *SHADES, "-vf", "setparams=colorspace=ycgco", *SHORT)
    found, _ = start(tmp_path, Thumbnail(), data, "video", times=[1])
    assert found["thumbnails"][0]["time_seconds"] == pytest.approx(1)


@pytest.mark.parametrize(("name", "codecs"), [("a.mkv", SHORT), ("a.webm", ("-c:v", "libvpx")), ("a.flv", SHORT)])
def test_streams_have_the_length_that_their_container_knows(tmp_path: Path, name: str, codecs: tuple[str, ...]) -> None:
    sounds = ("-c:a", "libopus") if name == "a.webm" else AAC
    data = made(tmp_path, name, *grey("64x48", "25", 2, "100"), *sound(1.5), *codecs, *sounds, "-ar", "48000")
    if name != "a.flv":
        data = (
            data if name == "a.mkv" else data.replace(b"DURATION", b"NOTHING_")
        )  # as programs write it that have no tags
    found, _ = start(tmp_path, MediaInfo(), data, "video")
    lengths = {each["type"]: each["duration_seconds"] for each in found["streams"]}
    assert lengths["video"] == pytest.approx(2, abs=0.2)
    assert lengths["audio"] == pytest.approx(1.5 if name == "a.mkv" else 2, abs=0.2)
