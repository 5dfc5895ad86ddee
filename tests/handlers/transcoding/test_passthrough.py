"""A source's own pictures as a rendition: bit for bit, beside encoded ones; and what does not fit is said."""

import hashlib
import io
from functools import partial
from pathlib import Path
from typing import Any, cast

import av
import pytest

from broker.context import TaskContext
from handlers.transcoding import encoder, passthrough
from handlers.transcoding.prepare import look_and_plan
from handlers.transcoding.run import transcode
from handlers.transcoding.validation.reading import Folder
from handlers.transcoding.validation.renditions import load
from handlers.transcoding.validation.stream import validate
from tests.handlers.transcoding.conftest import Make
from tests.handlers.transcoding.fake_context import HLS, FakeContext
from tests.handlers.transcoding.sources import AAC, X264, grey, picture, sound

ASKED = {"passthrough": True, "ladder": [144, 180]}
#: Every picture is as light as its number says.
LUMA = "40+mod(N*37,160)"
GREY = grey("180x180", "10", 14, LUMA)
#: Key frames as encoders put them: at the longest every so often, and wherever the picture changes.
KEYS = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-preset", "veryfast", "-bf", "3", "-g", "24")
CHANGES = ("-force_key_frames", "1.3,4.12,5")
FITTING = {
    "scenes.mp4": (*GREY, *sound(14), *KEYS, *CHANGES, *AAC),
    "milliseconds.mkv": (*grey("180x180", "30000/1001", 13, LUMA), *KEYS, "-g", "80", *CHANGES),
    "baseline.mov": (*GREY, *X264, "-profile:v", "baseline", "-g", "90"),
}


def context_of(upload: Path, folder: Path, **asked: Any) -> FakeContext:
    folder.mkdir(exist_ok=True)
    context = FakeContext(folder, upload)
    context.payload = {**context.payload, **ASKED, **asked}
    return context


def packets(data: Any) -> list[str]:
    with av.open(data) as file:
        return [hashlib.md5(bytes(each)).hexdigest() for each in file.demux(video=0) if each.size]


def rendition(context: FakeContext, name: str) -> io.BytesIO:
    folder = context.hls / name
    return io.BytesIO(b"".join(each.read_bytes() for each in [folder / "init.mp4", *sorted(folder.glob("*.m4s"))]))


def light(context: FakeContext, name: str) -> list[float]:
    with av.open(rendition(context, name)) as file:
        return [float(each.to_ndarray(format="gray").mean()) for each in file.decode(video=0)]


def encoders(context: FakeContext) -> dict[str, str]:
    return {each["name"]: each["encoder"] for each in context.answer["variants"]}


@pytest.mark.parametrize("name", FITTING)
def test_pictures_that_fit_are_packaged_bit_for_bit_and_the_others_go_with_them(
    make: Make, tmp_path: Path, name: str
) -> None:
    upload = make(name, *FITTING[name])
    context = context_of(upload, tmp_path)
    context.answer = transcode(context)
    assert encoders(context) == {"144p": "libx264", "180p": "copy"}
    assert context.answer["warnings"] == []
    assert packets(rendition(context, "180p")) == packets(str(upload))
    copied, encoded = light(context, "180p"), light(context, "144p")
    assert len(copied) == len(encoded)
    assert max(abs(one - other) for one, other in zip(copied, encoded, strict=True)) < 10
    reader = Folder(context.hls)
    found = validate("master.m3u8", reader, partial(load, reader=reader), storyboard="storyboard/storyboard.vtt")
    assert found.report.errors == []
    assert reader.orphans() == ["poster.jpg"]


def killed_at(context: FakeContext, name: str, stored: list[str]) -> FakeContext:
    """Runs until this object is to be stored; the context of the next run. ``stored`` gets the names of the others."""
    put = context.storage.put_file

    def dying(key: str, path: Path) -> int:
        if key.endswith(name):
            raise KeyboardInterrupt
        stored.append(key.removeprefix(HLS))
        return put(key, path)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(context.storage, "put_file", dying)
        with pytest.raises(KeyboardInterrupt):
            transcode(context)
    return context.again()


def files(context: FakeContext) -> dict[str, bytes]:
    return {name: (context.hls / name).read_bytes() for name in context.stored()}


def test_a_run_that_goes_on_makes_the_same_and_stores_no_copy_twice(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder, "_NOTED", 1)
    upload = make("scenes.mp4", *FITTING["scenes.mp4"])
    whole = context_of(upload, tmp_path / "whole")
    transcode(whole)
    stored: list[str] = []
    later = killed_at(context_of(upload, tmp_path / "broken"), "180p/seg_00001.m4s", stored)
    later = killed_at(later, "storyboard/storyboard.vtt", stored)
    transcode(later)
    assert [each for each in stored if each.startswith("180p/seg")] == [f"180p/seg_0000{each}.m4s" for each in range(3)]
    assert files(later) == files(whole)


def test_what_was_packaged_is_not_taken_for_what_is_encoded(make: Make, tmp_path: Path) -> None:
    upload = make("scenes.mp4", *FITTING["scenes.mp4"])
    later = killed_at(context_of(upload, tmp_path), "180p/seg_00001.m4s", [])
    later.payload = {**later.payload, "passthrough": False}
    later.answer = transcode(later)
    assert encoders(later) == {"144p": "libx264", "180p": "libx264"}


SMALL, VFR = picture("180x180", "25", 4), ("-fps_mode", "vfr")
OPEN = ("-x264-params", "open-gop=1:keyint=30:bframes=3")
JITTER = "settb=1/1000,setpts='40*N+12*mod(N,2)'"
HDR = ("-vf", "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc")
UNFIT = {
    "mpeg4.mp4": ("is mpeg4 and not H.264", *SMALL, "-c:v", "mpeg4"),
    "open.mp4": ("open GOPs", *SMALL, *KEYS, *OPEN),
    "rare.mp4": ("no key frame for 12.0 s", *picture("180x180", "10", 12), *X264, "-g", "999", "-sc_threshold", "0"),
    "every.mp4": ("so many key frames", *SMALL, *X264, "-g", "1"),
    "held.mp4": ("sound for 1.0 s after", *SMALL, *sound(5), *X264, *AAC),
    "broadcast.ts": ("no MP4 or Matroska", *SMALL, *X264),
    "fine.mp4": ("not every player has", *SMALL, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv444p"),
    "narrow.mp4": ("pixels that are not square", *SMALL, "-vf", "setsar=2", *X264),
    "uneven.mp4": ("do not come evenly", *SMALL, "-vf", JITTER, "-enc_time_base", "1:1000", *VFR, *X264),
    "missing.mp4": ("pictures that are missing", *SMALL, "-vf", "select='not(eq(n,30))'", *VFR, *X264),
    "large.mp4": ("larger than 180p", *picture("640x360"), *X264),
    "heavy.mp4": ("Mbit/s, more than", *picture("180x180"), "-vf", "noise=alls=90:allf=t", *X264, "-crf", "4"),
    "bright.mp4": ("beyond those of BT.709", *SMALL, *X264, *HDR),
}


def warnings(context: FakeContext) -> list[str]:
    """What a look at the upload says on its not being packaged."""
    with context.storage.local_file(context.record.source_key) as path:
        stored = context.storage.stat(context.record.source_key)
        video = look_and_plan(cast(TaskContext, context), context.record, stored, path, HLS, keep=False)
    assert (video.plan.copied, video.plan.grid) == (None, None)
    return [each for each in video.source.warnings if "packaged" in each]


@pytest.mark.parametrize("name", UNFIT)
def test_what_does_not_fit_is_encoded_and_a_warning_says_why(make: Make, tmp_path: Path, name: str) -> None:
    reason, *arguments = UNFIT[name]
    (warning,) = warnings(context_of(make(name, *arguments), tmp_path))
    assert reason in warning


def test_a_turned_picture_does_not_fit(make: Make, tmp_path: Path) -> None:
    straight = make("straight.mp4", *picture("180x180"), *X264)
    turned = make("turned.mp4", "-display_rotation", "180", "-i", str(straight), "-c", "copy")
    assert "is rotated" in warnings(context_of(turned, tmp_path))[0]


def test_a_cut_by_an_edit_list_does_not_fit(make: Make, tmp_path: Path) -> None:
    whole = make("scenes.mp4", *FITTING["scenes.mp4"])
    cut = make("cut.mp4", "-ss", "2.0", "-i", str(whole), "-c", "copy")
    assert "edit list" in warnings(context_of(cut, tmp_path))[0]


def test_beside_another_codec_nothing_is_packaged(make: Make, tmp_path: Path) -> None:
    small = make("small.mp4", *picture("192x144"), *X264)
    assert "renditions of hevc" in warnings(context_of(small, tmp_path, codec="hevc"))[0]


def test_what_cannot_be_taken_apart_after_all_is_encoded(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode = passthrough.decode_one

    def mistaken(*arguments: Any, **options: Any) -> dict[str, Any]:
        found = decode(*arguments, **options)
        return found | {"keys": [0, *(key + 1 for key in found["keys"][1:])]}

    monkeypatch.setattr(passthrough, "decode_one", mistaken)
    context = context_of(make("scenes.mp4", *FITTING["scenes.mp4"]), tmp_path)
    context.answer = transcode(context)
    assert set(encoders(context).values()) == {"libx264"}
    assert any("could not be taken apart" in each for each in context.answer["warnings"])
