"""Guards the division into ranges: what is interrupted or made in pieces is, picture for picture, as of one run."""

import hashlib
import io
from pathlib import Path

import av
import pytest

from broker.errors import TransientError
from broker.media import paths
from handlers.transcoding import encoding, looked, ranges
from handlers.transcoding.run import transcode
from tests.handlers.transcoding.conftest import Make
from tests.handlers.transcoding.fake_context import HLS, FakeContext
from tests.handlers.transcoding.killing import killed_at
from tests.handlers.transcoding.sources import AAC, X264, picture, sound
from tests.handlers.transcoding.validator import Ladder, Rendition, validate

#: A hole that is longer than what is decoded before a range, and one that is not.
HOLES = "select='not(between(t,9,20))*not(between(t,23,26))'"
SOURCES = {
    "whole rate": ("whole.mp4", *picture("64x64", "10", 31), *sound(31), *X264, *AAC),
    "NTSC": ("ntsc.mkv", *picture("64x64", "30000/1001", 19), *X264, "-bf", "3", "-g", "97"),
    "holes": ("holes.mp4", *picture("64x64", "10", 31), "-vf", HOLES, "-fps_mode", "vfr", *X264),
    "starts late": ("late.mp4", *picture("64x64", "10", 14), "-output_ts_offset", "8.3", *sound(25), *X264, *AAC),
    "interlaced": ("fields.mkv", *picture("64x64", "10", 20), "-vf", "tinterlace=4", "-flags", "+ilme+ildct", *X264),
    "no index": ("broadcast.ts", *picture("64x64", "10", 20), *sound(20), *X264, *AAC),
    "held": ("held.mp4", *picture("64x64", "10", 7), *sound(20), *X264, *AAC),
    "open": ("open.mp4", *picture("64x64", "10", 20), *X264, "-x264-params", "open-gop=1:keyint=50:bframes=4"),
}


@pytest.fixture
def lossless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Encodes so that decoded pictures are those of the source."""
    options = encoding._x264("standard", 0, 0)
    kept = {name: value for name, value in options.items() if name not in ("crf", "profile:v")}
    monkeypatch.setitem(encoding._MADE, "libx264", lambda *_: kept | {"qp": 0, "preset": "ultrafast"})
    monkeypatch.setattr(encoding, "_PEAK", 1000)


def transcoded(folder: Path, upload: Path) -> FakeContext:
    folder.mkdir()
    context = FakeContext(folder, upload)
    transcode(context)
    return context


def hashes(rendition: Rendition) -> list[str]:
    """One for each picture, in the order in which they are shown."""
    with av.open(io.BytesIO(rendition.init + b"".join(rendition.parts)), format="mov") as file:
        return [hashlib.md5(frame.to_ndarray().tobytes()).hexdigest() for frame in file.decode(video=0)]


def same(one: Ladder, other: Ladder) -> None:
    """The same pictures at the same times under the same headers."""
    for ours, theirs in zip(one.variants, other.variants, strict=True):
        assert ours.video.init == theirs.video.init
        assert ours.video.samples == theirs.video.samples
        assert hashes(ours.video) == hashes(theirs.video)


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.usefixtures("lossless")
def test_ranges_make_the_pictures_of_one_run(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    upload = make(*SOURCES[name])
    with monkeypatch.context() as patched:
        patched.setattr(ranges, "SEEKABLE", frozenset())
        one = transcoded(tmp_path / "one", upload)
    monkeypatch.setattr(ranges, "_SEGMENTS", 1)
    many = transcoded(tmp_path / "many", upload)
    whole = validate(one.hls)
    assert len(whole.variants[0].video.parts) >= 3
    same(validate(many.hls), whole)


def names(commands: list[list[str]]) -> list[str]:
    """The numbers of the segments with which runs of the encoder have begun."""
    return [command[command.index("-start_number") + 1] for command in commands if "libx264" in command]


@pytest.mark.usefixtures("lossless")
def test_a_run_goes_on_where_others_were_killed(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between a segment and its record, in the middle of a range, and when all but the end is done."""
    upload = make(*SOURCES["whole rate"])
    whole = transcoded(tmp_path / "whole", upload)
    (tmp_path / "killed").mkdir()
    context = FakeContext(tmp_path / "killed", upload)
    for name in ("seg_00000.m4s", "64p/seg_00002.m4s", "64p/seg_00004.m4s", "master.m3u8"):
        context = killed_at(context, name, monkeypatch)
    transcode(context)
    assert names(context.commands) == []
    same(validate(context.hls), validate(whole.hls))


def test_what_counts_is_what_is_written_down(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment without a record is made again; those with one are not."""
    context = FakeContext(tmp_path, make(*SOURCES["NTSC"]))
    later = killed_at(context, "00001-64p-64p.json", monkeypatch)
    assert {"64p/seg_00000.m4s", "64p/seg_00001.m4s"} <= set(later.stored())
    transcode(later)
    assert names(later.commands) == ["1"]
    validate(later.hls)


def test_a_run_that_goes_on_does_not_look_again(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    later = killed_at(FakeContext(tmp_path, make(*SOURCES["NTSC"])), "seg_00003.m4s", monkeypatch)
    monkeypatch.setattr(looked, "probe", lambda *_: pytest.fail("it looked again"))
    transcode(later)
    validate(later.hls)


def test_another_source_is_begun_afresh(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = FakeContext(tmp_path, make(*SOURCES["NTSC"]))
    later = killed_at(context, "seg_00003.m4s", monkeypatch)
    later.storage.put_file(later.record.source_key, make(*SOURCES["open"]))
    transcode(later)
    assert names(later.commands)[0] == "0"
    assert validate(later.hls).variants[0].attributes["FRAME-RATE"] == "10.000"


def test_other_arguments_are_begun_afresh(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = FakeContext(tmp_path, make(*SOURCES["NTSC"]))
    later = killed_at(context, "seg_00003.m4s", monkeypatch)
    later.payload = later.payload | {"quality": "low"}
    transcode(later)
    assert names(later.commands)[0] == "0"


def test_nothing_of_the_work_is_left(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = FakeContext(tmp_path, make(*SOURCES["NTSC"]))
    later = killed_at(context, "seg_00003.m4s", monkeypatch)
    work = paths.work(later.tenant, later.record.id)
    assert list(later.storage.keys(work))
    transcode(later)
    assert list(later.storage.keys(work)) == []


def test_what_is_not_there_although_it_is_written_down_is_made_again(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = killed_at(FakeContext(tmp_path, make(*SOURCES["NTSC"])), "seg_00003.m4s", monkeypatch)
    later.storage.delete(f"{HLS}64p/seg_00000.m4s")
    with pytest.raises(TransientError):
        transcode(later)
    last = later.again()
    transcode(last)
    validate(last.hls)
