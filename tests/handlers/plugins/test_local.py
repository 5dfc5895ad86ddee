"""Guards the plugins that need no account, on real files: what they tell and draw is what is in the file."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image, ImageChops, ImageStat

from broker.errors import PermanentError
from broker.media.paths import plugin_file
from broker.plugin import Plugin
from handlers.plugin_execution.run import run
from handlers.plugins.media_info import MediaInfo
from handlers.plugins.thumbnail import Thumbnail
from handlers.plugins.waveform import Waveform
from tests.handlers.plugins.plugin_context import Run
from tests.handlers.transcoding.sources import AAC, X264, grey, picture, sound

#: Half a second of silence, then half a second of a tone of half the full amplitude, then silence again.
TONE = "aevalsrc='if(between(t,0.5,1),0.5*sin(2*PI*1000*t),0)':s=48000:d=1.5"


def made(folder: Path, name: str, *arguments: str) -> bytes:
    path = folder / name
    subprocess.run([get_ffmpeg_exe(), "-nostdin", "-v", "error", *arguments, str(path)], check=True, timeout=60)
    return path.read_bytes()


def photo(size: tuple[int, int], mode: str = "RGB", form: str = "JPEG", orientation: int = 1, **options: Any) -> bytes:
    """Red above, blue below."""
    image = Image.new(mode, size, "red")
    image.paste("blue", (0, size[1] // 2, size[0], size[1]))
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(out, form, exif=exif, **options)
    return out.getvalue()


def start(folder: Path, plugin: Plugin, data: bytes, kind: str, **config: Any) -> tuple[dict[str, Any], Run]:
    task = Run(folder, data, kind=kind, payload={"plugin_name": plugin.name})
    if config:
        task.configs[plugin.name] = config
    return run(task, {plugin.name: plugin}, {})["data"], task


def kept(task: Run, plugin: str, name: str) -> bytes:
    with task.storage.open(plugin_file("acme", task.record.id, plugin, task.task_id, name)) as file:
        return file.read()


# media_info --------------------------------------------------------------------------------------------------------


def test_a_video_is_described_with_all_its_streams(tmp_path: Path) -> None:
    data = made(tmp_path, "a.mp4", *picture("320x240", "25", 2), *sound(2), *X264, *AAC, "-ac", "2", "-ar", "44100",
                "-metadata:s:a:0", "language=deu")  # fmt: skip
    found, _ = start(tmp_path, MediaInfo(), data, "video")
    assert (found["format"], found["content_type"]) == ("mov", "audio/wav"), "the type is that of the record"
    assert found["duration_seconds"] == pytest.approx(2, abs=0.1)
    assert found["bit_rate"] > 0
    video, audio = found["streams"]
    assert {"type": "video", "codec": "h264", "width": 320, "height": 240, "frame_rate": 25, "rotation": 0,
            "pixel_format": "yuv420p"}.items() <= video.items()  # fmt: skip
    assert {"type": "audio", "codec": "aac", "sample_rate": 44100, "channels": 2, "layout": "stereo",
            "language": "deu"}.items() <= audio.items()  # fmt: skip


def test_sound_alone_is_described(tmp_path: Path) -> None:
    found, _ = start(tmp_path, MediaInfo(), made(tmp_path, "a.wav", *sound(1), "-ar", "8000"), "audio")
    (stream,) = found["streams"]
    assert (found["format"], stream["codec"], stream["sample_rate"]) == ("wav", "pcm_s16le", 8000)
    assert found["duration_seconds"] == pytest.approx(1)


def test_a_picture_is_described_as_it_is_seen(tmp_path: Path) -> None:
    found, _ = start(tmp_path, MediaInfo(), photo((40, 20), orientation=6), "image")
    assert found | {"content_type": ""} == {
        "content_type": "",
        "format": "JPEG",
        "width": 20,
        "height": 40,
        "mode": "RGB",
        "transparent": False,
        "frames": 1,
    }
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    moving = photo((8, 8), form="GIF", save_all=True, append_images=frames)
    assert start(tmp_path, MediaInfo(), moving, "image")[0]["frames"] >= 3


# thumbnail ---------------------------------------------------------------------------------------------------------


def test_a_picture_is_made_small_upright_and_never_larger(tmp_path: Path) -> None:
    found, task = start(tmp_path, Thumbnail(), photo((400, 200), orientation=6), "image", sizes=[100, 640])
    assert found["thumbnails"] == [
        {"file": "100.jpg", "width": 50, "height": 100, "time_seconds": None},
        {"file": "640.jpg", "width": 200, "height": 400, "time_seconds": None},
    ]
    with Image.open(io.BytesIO(kept(task, "thumbnail", "100.jpg"))) as small:
        assert (small.format, small.size) == ("JPEG", (50, 100))
        red, _, blue = small.getpixel((45, 50))
        assert red > 200 > 50 > blue, "it is turned the wrong way"
    assert [each["name"] for each in task.attached["plugin:thumbnail"]["files"]] == ["100.jpg", "640.jpg"]


@pytest.mark.parametrize(("form", "corner"), [("jpg", (255, 255, 255)), ("png", (0, 0, 0, 0))])
def test_what_is_transparent_is_white_or_stays_so(tmp_path: Path, form: str, corner: tuple[int, ...]) -> None:
    out = io.BytesIO()
    Image.new("RGBA", (64, 64), (0, 0, 0, 0)).save(out, "PNG")
    _, task = start(tmp_path, Thumbnail(), out.getvalue(), "image", sizes=[32], format=form)
    with Image.open(io.BytesIO(kept(task, "thumbnail", f"32.{form}"))) as small:
        assert small.getpixel((1, 1)) == corner


def test_a_video_is_seen_at_the_times_that_are_asked_for(tmp_path: Path) -> None:
    """Its luma grows by 25 a second, with a single key frame; a time past the end has the last frame."""
    data = made(tmp_path, "a.mp4", *grey("128x96", "10", 5, "40+25*floor(T)"), *X264, "-g", "1000")
    found, task = start(tmp_path, Thumbnail(), data, "video", sizes=[64], times=[0, 2.55, 99])
    assert [each["file"] for each in found["thumbnails"]] == ["0-64.jpg", "1-64.jpg", "2-64.jpg"]
    assert [each["time_seconds"] for each in found["thumbnails"]] == pytest.approx([0, 2.5, 4.9])
    for name, luma in (("0-64.jpg", 40), ("1-64.jpg", 90), ("2-64.jpg", 140)):
        with Image.open(io.BytesIO(kept(task, "thumbnail", name))) as still:
            assert still.size == (64, 48)
            shown = (luma - 16) * 255 / 219
            assert still.convert("L").getpixel((30, 20)) == pytest.approx(shown, abs=6), name


def test_a_video_is_seen_as_players_show_it(tmp_path: Path) -> None:
    """Turned, with pixels that are not square; what ffmpeg itself makes of it is the measure."""
    made(tmp_path, "flat.mp4", *picture("128x96"), "-vf", "setsar=2/1", *X264)
    data = made(tmp_path, "turned.mp4", "-display_rotation", "90", "-i", str(tmp_path / "flat.mp4"), "-c", "copy")
    wanted = made(tmp_path, "wanted.png", "-i", str(tmp_path / "turned.mp4"), "-frames:v", "1", "-vf",
                  "scale=96:256,setsar=1")  # fmt: skip
    found, task = start(tmp_path, Thumbnail(), data, "video", sizes=[256], times=[0], format="png")
    assert [(each["width"], each["height"]) for each in found["thumbnails"]] == [(96, 256)]
    still, shown = (
        Image.open(io.BytesIO(each)).convert("RGB") for each in (kept(task, "thumbnail", "0-256.png"), wanted)
    )
    difference = ImageStat.Stat(ImageChops.difference(still, shown))
    assert max(difference.mean) < 8, "it is turned the wrong way"
    assert abs(start(tmp_path, MediaInfo(), data, "video")[0]["streams"][0]["rotation"]) == 90


def test_the_operators_settings_are_lists_with_commas(tmp_path: Path) -> None:
    task = Run(tmp_path, photo((64, 64)), kind="image", payload={"plugin_name": "thumbnail"})
    found = run(task, {"thumbnail": Thumbnail()}, {"THUMBNAIL_SIZES": "16, 32"})["data"]["thumbnails"]
    assert [each["width"] for each in found] == [16, 32]
    assert not Thumbnail().enabled({"THUMBNAIL_SIZES": "16,huge"})


# waveform ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "kind"), [("a.wav", "audio"), ("a.mp4", "video")])
def test_a_waveform_is_high_where_it_is_loud(tmp_path: Path, name: str, kind: str) -> None:
    pictures = [*picture("64x64", "25", 1.5), *X264, *AAC] if kind == "video" else []
    data = made(tmp_path, name, "-f", "lavfi", "-i", TONE, *pictures)
    found, task = start(tmp_path, Waveform(), data, kind, points=150)
    assert found["duration_seconds"] == pytest.approx(1.5, abs=0.1)
    assert found["peak"] == pytest.approx(0.5, abs=0.1)
    wave = json.loads(kept(task, "waveform", "waveform.json"))
    assert (wave["version"], wave["channels"], wave["bits"], wave["sample_rate"]) == (2, 1, 8, 48000)
    assert len(wave["data"]) == 2 * wave["length"] == 2 * found["points"]
    assert wave["length"] <= 150
    second = 48000 / wave["samples_per_pixel"]
    lows, highs = wave["data"][::2], wave["data"][1::2]
    assert all(abs(high) < 8 for high in highs[: int(0.4 * second)])
    assert all(
        high > 50 and low < -50
        for low, high in list(zip(lows, highs, strict=True))[int(0.6 * second) : int(0.9 * second)]
    )
    assert all(abs(high) < 8 for high in highs[int(1.15 * second) :])
    with Image.open(io.BytesIO(kept(task, "waveform", "waveform.png"))) as drawn:
        assert drawn.size == (wave["length"], 160)
        loud, quiet = int(0.75 * second), int(0.2 * second)
        assert [drawn.getpixel((x, 50))[3] for x in (loud, quiet)] == [255, 0]
    percents = [percent for percent, _ in task.progressed]
    assert percents == sorted(percents)


def test_a_short_sound_has_fewer_points(tmp_path: Path) -> None:
    found, _ = start(tmp_path, Waveform(), made(tmp_path, "a.wav", *sound(0.01), "-ar", "8000"), "audio")
    assert found["points"] == 80


# what they cannot read ---------------------------------------------------------------------------------------------


def test_files_without_what_is_wanted_say_so(tmp_path: Path) -> None:
    silent = made(tmp_path, "silent.mp4", *picture("64x64"), *X264)
    blind = made(tmp_path, "blind.m4a", *sound(1), *AAC)
    with pytest.raises(PermanentError, match="no sound"):
        start(tmp_path, Waveform(), silent, "video")
    with pytest.raises(PermanentError, match="no pictures"):
        start(tmp_path, Thumbnail(), blind, "video")


@pytest.mark.parametrize("plugin", [MediaInfo(), Thumbnail(), Waveform()], ids=lambda plugin: plugin.name)
def test_damage_is_told_in_one_line(tmp_path: Path, plugin: Plugin) -> None:
    whole = made(tmp_path, "a.mp4", *picture("64x64"), *sound(), *X264, *AAC)
    for data in (whole[: len(whole) // 3], b"#EXTM3U\nfile:///etc/passwd\n", b"\0" * 100, b""):
        with pytest.raises(PermanentError, match=r"^This (file|is)"):
            start(tmp_path, plugin, data, "video")
    if "image" in plugin.media_types:
        with pytest.raises(PermanentError, match="cannot be read as a picture"):
            start(tmp_path, plugin, photo((400, 400))[:40], "image")


def test_listing_them_loads_nothing_heavy() -> None:
    code = (
        "import os, sys; from broker.plugins.installed_plugins import load_plugins; found = load_plugins(os.environ);"
        "print(sorted({'av', 'numpy', 'PIL'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
