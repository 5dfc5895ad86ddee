"""Guards what the end of ffmpeg means: whose fault it was, and that a hanging one is noticed."""

import os
import resource
import signal
from pathlib import Path

import pytest

from broker.errors import PermanentError, TransientError
from handlers.media.program import program
from handlers.transcoding.ffmpeg import STALL_SECONDS, encode, watch
from tests.handlers.transcoding.fake_context import FakeContext


@pytest.fixture
def context(tmp_path: Path) -> FakeContext:
    upload = tmp_path / "upload"
    upload.write_bytes(b"")
    return FakeContext(tmp_path, upload)


def shell(script: str) -> list[str]:
    return ["/bin/sh", "-c", script]


def test_frames_are_reported_as_they_come(context: FakeContext) -> None:
    frames: list[int] = []
    encode(
        context,
        shell("printf 'frame=  0\\nfps=0\\nprogress=continue\\nframe= 12\\nframe=12\\nprogress=end\\n'"),
        frames.append,
    )
    assert frames == [0, 12]
    assert context.running == []


def test_a_source_that_ffmpeg_refuses_is_not_tried_again(context: FakeContext) -> None:
    with pytest.raises(PermanentError, match="damaged") as caught:
        encode(context, shell("echo '/srv/secret: Invalid data' >&2; exit 69"), print)
    assert "/srv" not in caught.value.message


@pytest.mark.parametrize(
    "script", ["kill -9 $$", "kill -11 $$", "exit 255", "echo 'x: No space left on device' >&2; exit 228"]
)
def test_trouble_of_the_machine_is_tried_again(context: FakeContext, script: str) -> None:
    with pytest.raises(TransientError):
        encode(context, shell(script), print)
    assert context.running == []


def test_an_ffmpeg_without_progress_is_given_up() -> None:
    now = iter([0.0, 1.0, STALL_SECONDS, STALL_SECONDS + 1.5])
    with pytest.raises(TransientError, match="no frame"):
        watch([b"frame=1\n", b"frame=1\n", b"out_time=N/A\n", b"frame=1\n"], print, lambda: next(now))


def test_slow_frames_are_frames() -> None:
    now = iter(range(0, 10_000, int(STALL_SECONDS) - 1))
    frames: list[int] = []
    watch([b"frame=%d\n" % number for number in range(20)], frames.append, lambda: next(now))
    assert frames == list(range(20))


def test_leaving_the_block_kills_the_program(context: FakeContext) -> None:
    with pytest.raises(RuntimeError), program(context, ["/bin/sleep", "60"]) as process:
        raise RuntimeError
    assert process.returncode == -signal.SIGKILL
    assert context.running == []


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="this system cannot limit another process")
def test_a_program_is_bounded(context: FakeContext) -> None:
    with program(context, ["/bin/sleep", "60"]) as process:
        limits = {kind: resource.prlimit(process.pid, kind) for kind in (resource.RLIMIT_AS, resource.RLIMIT_FSIZE)}
        seconds, _ = resource.prlimit(process.pid, resource.RLIMIT_CPU)
    assert limits == {resource.RLIMIT_AS: (4 * 2**30,) * 2, resource.RLIMIT_FSIZE: (256 * 2**20,) * 2}
    assert seconds == int(context.seconds_left()) * (os.cpu_count() or 1)


def test_a_program_sees_no_secrets(context: FakeContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "hush")
    with program(context, shell("pwd; env"), GIVEN="yes") as process:
        out, _ = process.communicate(timeout=30)
    folder, *variables = out.decode().splitlines()
    assert folder == str(context.scratch)
    assert "GIVEN=yes" in variables
    assert "SECRET_KEY" not in out.decode()
