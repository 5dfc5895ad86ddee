"""A video that is transcoded again: its former renditions stay as they are until the new ones take their place."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from broker.errors import PermanentError
from handlers.transcoding.run import transcode
from tests.handlers.transcoding.conftest import Make, Transcode
from tests.handlers.transcoding.fake_context import FakeContext
from tests.handlers.transcoding.validator import validate

SMALL = (
    *("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=25:duration=1", "-f", "lavfi", "-i", "anoisesrc=a=0.1:d=1"),
    *("-c:v", "libx264", "-preset", "ultrafast"),
)
FORMER = "11111111-1111-4111-8111-111111111111"
OTHER = "22222222-2222-4222-8222-222222222222"


@pytest.fixture
def again(make: Make, run: Transcode) -> FakeContext:
    """A context in which a video that plays is transcoded by another task."""
    context = run(make("again.mp4", *SMALL))
    context.record = replace(context.record, info=context.attached)
    context.attached = {}
    shutil.rmtree(context.scratch)
    context.scratch.mkdir()
    return context


def contents(folder: Path) -> dict[str, bytes]:
    return {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def test_the_new_one_lies_beside_the_former_and_is_the_one_that_is_opened(again: FakeContext) -> None:
    before = contents(again.hls)
    answer = transcode(again)
    version = again.task_id
    assert {name: data for name, data in contents(again.hls).items() if not name.startswith(version)} == before
    assert contents(again.hls / version).keys() == before.keys()
    validate(again.hls / version)
    assert again.attached["stream"] == version
    assert "replaced:" in again.attached
    assert answer["hls_master"] == f"hls/{version}/master.m3u8"
    assert [each["playlist"] for each in answer["variants"]] == ["64p/index.m3u8"]
    assert [each["playlist"] for each in again.attached["variants"]] == [f"{version}/64p/index.m3u8"]
    assert [each["playlist"] for each in again.attached["audio_tracks"]] == [f"{version}/audio/index.m3u8"]


def test_the_third_replaces_the_second(again: FakeContext) -> None:
    again.record = replace(again.record, info=again.record.info | {"stream": FORMER})
    transcode(again)
    assert [name for name in again.attached if name.startswith("replaced:")] == [f"replaced:{FORMER}"]


def test_one_that_cannot_be_made_leaves_the_former_and_nothing_else(again: FakeContext, tmp_path: Path) -> None:
    before = contents(again.hls)
    broken(again, tmp_path)
    with pytest.raises(PermanentError):
        transcode(again)
    assert contents(again.hls) == before
    assert again.attached == {}


def broken(context: FakeContext, folder: Path) -> None:
    """Has the context find a source that cannot be transcoded."""
    path = folder / "broken.mp4"
    path.write_bytes(b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isommp42" + bytes(1000))
    context.storage.put_file(context.record.source_key, path)


@pytest.fixture
def beside(make: Make, tmp_path: Path) -> tuple[FakeContext, FakeContext]:
    """The upload's own task and another one, both begun before the video was made."""
    own = FakeContext(tmp_path, make("again.mp4", *SMALL))
    other = own.again()
    other.task_id, other.attached, other.noted = OTHER, {}, []
    return own, other


def test_another_task_that_fails_takes_nothing_of_what_the_uploads_own_has_made(
    beside: tuple[FakeContext, FakeContext], tmp_path: Path
) -> None:
    own, other = beside
    transcode(own)
    before = contents(own.hls)
    broken(other, tmp_path)
    with pytest.raises(PermanentError):
        transcode(other)
    assert contents(own.hls) == before


def test_another_task_makes_a_version_of_its_own_and_tells_of_none_that_grows(
    beside: tuple[FakeContext, FakeContext],
) -> None:
    own, other = beside
    transcode(own)
    before = contents(own.hls)
    transcode(other)
    assert {name: data for name, data in contents(own.hls).items() if not name.startswith(OTHER)} == before
    validate(own.hls / OTHER)
    assert other.attached["stream"] == OTHER
    assert own.noted
    assert not other.noted


@pytest.mark.parametrize("fails", [True, False])
def test_the_uploads_own_task_takes_nothing_of_what_another_has_made_meanwhile(
    beside: tuple[FakeContext, FakeContext], tmp_path: Path, fails: bool
) -> None:
    own, other = beside
    transcode(other)
    before = contents(own.hls / OTHER)
    assert before
    if fails:
        broken(own, tmp_path)
        with pytest.raises(PermanentError):
            transcode(own)
    else:
        made = own.record
        own.record = replace(made, info=other.attached)  # as it is when the run ends
        first = iter([made])
        own.media = lambda media_id: next(first, own.record)  # type: ignore[method-assign]
        transcode(own)
        assert own.attached["stream"] == ""
        assert own.attached[f"replaced:{OTHER}"]
        assert [each["playlist"] for each in own.attached["variants"]] == ["64p/index.m3u8"]
    assert contents(own.hls / OTHER) == before
    if not fails:
        shutil.rmtree(own.hls / OTHER)
        validate(own.hls)
