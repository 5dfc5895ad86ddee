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
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isommp42" + bytes(1000))
    again.storage.put_file(again.record.source_key, broken)
    with pytest.raises(PermanentError):
        transcode(again)
    assert contents(again.hls) == before
    assert again.attached == {}
