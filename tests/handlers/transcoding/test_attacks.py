"""Guards against files that are made to do harm: no other file is read, nothing is asked for, and bounds hold."""

import time
from pathlib import Path

import pytest

from broker.errors import PermanentError
from handlers.transcoding.run import transcode
from tests.handlers.transcoding import harm
from tests.handlers.transcoding.conftest import Make
from tests.handlers.transcoding.fake_context import FakeContext
from tests.handlers.transcoding.sources import AAC, X264, picture, sound
from tests.handlers.transcoding.test_refusals import refused, requests_seen
from tests.handlers.transcoding.validator import validate

__all__ = ["requests_seen"]

FILM = picture("64x64", seconds=0.4)
#: With them no more is read than lasts as long.
NO_EDITS = ("-use_editlist", "0")
_BRIEF = 20.0


@pytest.fixture
def film(make: Make) -> bytes:
    """Its index lies behind its data."""
    return make("harmless.mov", *FILM, *X264, *NO_EDITS).read_bytes()


def written(folder: Path, data: bytes) -> Path:
    path = folder / "upload.mp4"
    path.write_bytes(data)
    return path


def test_a_film_whose_data_lie_elsewhere_has_none(film: bytes, tmp_path: Path) -> None:
    canary = tmp_path / "canary.mov"
    canary.write_bytes(film)
    upload = written(tmp_path, harm.elsewhere(film, str(canary)))
    assert str(canary).encode() in upload.read_bytes()
    assert "no picture" in refused(upload, tmp_path)


@pytest.mark.parametrize("text", ["#EXTM3U\n#EXTINF:1,\n{}\n", "#EXTM3U\n#EXTINF:1,\ndata:video/mp2t;base64,R0dH\n"])
def test_a_playlist_behind_the_head_of_a_film_is_not_followed(
    text: str, tmp_path: Path, requests_seen: list[str]
) -> None:
    head = harm.box(b"ftyp", b"isom\0\0\0\0isom")
    assert "damaged, cut off" in refused(written(tmp_path, head + text.format(requests_seen[0]).encode()), tmp_path)
    assert len(requests_seen) == 1


@pytest.mark.parametrize("depth", [50, 5000])
def test_boxes_in_boxes_are_refused(depth: int, tmp_path: Path) -> None:
    assert refused(written(tmp_path, harm.nested(depth)), tmp_path)


def test_an_index_that_names_one_picture_many_times_is_refused(make: Make, tmp_path: Path) -> None:
    one = make("one.mov", *picture("640x360", seconds=0.04), "-c:v", "mjpeg", "-q:v", "2", *NO_EDITS).read_bytes()
    began = time.monotonic()
    assert "the same data many times" in refused(written(tmp_path, harm.repeated(one, 20_000)), tmp_path)
    assert time.monotonic() - began < _BRIEF


def test_an_index_larger_than_the_memory_is_refused(film: bytes, tmp_path: Path) -> None:
    began = time.monotonic()
    assert refused(written(tmp_path, harm.endless(film)), tmp_path)
    assert time.monotonic() - began < _BRIEF


def test_an_index_of_matroska_that_points_at_itself_is_read_once(make: Make, tmp_path: Path) -> None:
    data = bytearray(make("harmless.mkv", *FILM, *sound(0.4), *X264, *AAC).read_bytes())
    # Only in the list of what lies where: the same two bytes come in pictures and sound, too, by chance.
    place, pictures = 0, data.index(b"\x1f\x43\xb6\x75")
    while (place := data.find(b"\x53\xac", place, pictures)) >= 0:
        size = data[place + 2] & 0x7F
        data[place + 3 : place + 3 + size] = bytes(size)
        place += 3
    context = FakeContext(tmp_path, written(tmp_path, bytes(data)))
    transcode(context)
    assert validate(context.hls).variants[0].video.frames == 10


def described(folder: Path, chapters: int, title: int) -> Path:
    """Metadata in ffmpeg's own form."""
    path = folder / "about.txt"
    each = (f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={at}\nEND={at + 1}\ntitle={at}\n" for at in range(chapters))
    path.write_text(f";FFMETADATA1\ntitle={'x' * title}\n" + "".join(each))
    return path


@pytest.mark.parametrize(("chapters", "title"), [pytest.param(65_000, 1, marks=pytest.mark.faults), (1, 8_000_000)])
def test_what_is_said_about_a_film_may_be_long(chapters: int, title: int, make: Make, tmp_path: Path) -> None:
    about = described(tmp_path, chapters, title)
    upload = make(f"about{chapters}.mkv", *FILM, "-i", str(about), "-map_metadata", "1", "-map_chapters", "1", *X264)
    began = time.monotonic()
    context = FakeContext(tmp_path, upload)
    transcode(context)
    assert validate(context.hls).variants[0].video.frames == 10
    assert time.monotonic() - began < _BRIEF


def test_fonts_and_other_files_within_a_film_are_left_alone(make: Make, tmp_path: Path) -> None:
    font = tmp_path / "font.ttf"
    font.write_bytes(bytes(range(256)) * 400)
    attached = ("-attach", str(font), "-metadata:s:t", "mimetype=application/x-truetype-font")
    context = FakeContext(tmp_path, make("fonts.mkv", *FILM, *X264, *attached))
    transcode(context)
    assert not any(b"\xfa\xfb\xfc\xfd" * 2 in path.read_bytes() for path in context.hls.rglob("*.m3u8"))
    assert validate(context.hls).variants[0].video.frames == 10


def test_a_program_that_is_killed_costs_a_retry_and_leaves_nothing(
    film: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which is the machine's fault, and no refusal."""
    context = FakeContext(tmp_path, written(tmp_path, film))
    popen = context.popen

    def killed(argv: list[str], **options: object) -> object:
        process = popen(argv, **options)
        process.kill()
        return process

    monkeypatch.setattr(context, "popen", killed)
    with pytest.raises(Exception, match="killed by signal 9") as caught:
        transcode(context)
    assert not isinstance(caught.value, PermanentError)
    assert context.running == []
