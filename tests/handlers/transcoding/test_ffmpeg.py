"""Guards what the end of ffmpeg means: whose fault it was, and that a hanging one is noticed."""

import os
import resource
import signal
from math import inf
from pathlib import Path

import pytest

from broker.errors import PermanentError, TransientError
from handlers.media import program as bounded
from handlers.media.program import program
from handlers.transcoding import ffmpeg
from handlers.transcoding.ffmpeg import STALL_SECONDS, Stalled, encode, watch
from tests.handlers.transcoding.conftest import Make
from tests.handlers.transcoding.fake_context import FakeContext
from tests.handlers.transcoding.sources import AAC, X264, picture, sound


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
        "frame",
        frames.append,
        60,
    )
    assert frames == [0, 12]
    assert context.running == []


def test_a_source_that_ffmpeg_refuses_is_not_tried_again(context: FakeContext) -> None:
    with pytest.raises(PermanentError, match="damaged") as caught:
        encode(context, shell("echo '/srv/secret: Invalid data' >&2; exit 69"), "frame", print, 60)
    assert "/srv" not in caught.value.message


@pytest.mark.parametrize(
    "script", ["kill -9 $$", "kill -11 $$", "exit 255", "echo 'x: No space left on device' >&2; exit 228"]
)
def test_trouble_of_the_machine_is_tried_again(context: FakeContext, script: str) -> None:
    with pytest.raises(TransientError):
        encode(context, shell(script), "frame", print, 60)
    assert context.running == []


@pytest.mark.parametrize("said", [b"frame=1\n", b"out_time=N/A\n", None])
def test_an_ffmpeg_without_progress_is_given_up(said: bytes | None) -> None:
    """Whatever else it says, and if it says nothing at all."""
    now = iter([0.0, 0.0, 1.0, STALL_SECONDS, STALL_SECONDS + 1.5])
    with pytest.raises(Stalled, match="no progress"):
        watch([b"frame=1\n", said, said, said], "frame", print, lambda: next(now), 1e9)


def test_an_ffmpeg_that_never_says_a_word_is_given_up(context: FakeContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg, "STALL_SECONDS", 0.2)
    monkeypatch.setattr(ffmpeg, "_TICK", 0.05)
    with pytest.raises(Stalled):
        encode(context, ["/bin/sleep", "60"], "frame", print, 60)
    assert context.running == []


def test_an_ffmpeg_that_closes_its_output_and_stays_is_given_up(
    context: FakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ffmpeg, "STALL_SECONDS", 0.2)
    with pytest.raises(Stalled):
        encode(context, shell("exec >&-; exec sleep 60"), "frame", print, 60)
    assert context.running == []


def test_one_that_has_much_to_complain_about_is_no_trouble(
    context: FakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says a line for each damaged packet; no file that a program writes may pass its limit."""
    monkeypatch.setattr(bounded, "FILE_SIZE", 1_000_000)
    monkeypatch.setattr(bounded, "_LOG_MOST", 250_000)
    complaint = "head -c 100000 /dev/zero >&2; echo frame=$n"
    script = f"n=0; while [ $n -lt 40 ]; do n=$((n+1)); {complaint}; sleep 0.01; done"
    frames: list[int] = []
    encode(context, shell(script), "frame", frames.append, 60)
    assert frames[-1] == 40


def test_slow_frames_are_frames() -> None:
    now = iter(range(0, 10_000, int(STALL_SECONDS) - 1))
    frames: list[int] = []
    watch([b"frame=%d\n" % number for number in range(20)], "frame", frames.append, lambda: next(now), 1e9)
    assert frames == list(range(20))


def test_slow_frames_are_not_waited_for_without_end() -> None:
    now = iter(range(0, 10_000, int(STALL_SECONDS) - 1))
    with pytest.raises(PermanentError, match="more than 1000 s"):
        watch([b"frame=%d\n" % number for number in range(20)], "frame", print, lambda: next(now), 1000)


def test_what_was_decoded_is_read_from_what_ffmpeg_says(context: FakeContext, make: Make) -> None:
    """Its words may change with its version; then this fails, and nothing would be said about damage."""
    argv = [ffmpeg.binary(), "-v", "verbose", "-i", str(make("two tracks.mp4", *picture("64x48"), *X264))]
    assert encode(context, [*argv, "-f", "null", "-"], "frame", print, 60) == (25, 0)
    argv = [ffmpeg.binary(), "-v", "verbose", "-i", str(make("sound.mp4", *sound(), *AAC))]
    found = encode(context, [*argv, "-f", "null", "-"], "out_time_us", print, 60)
    assert found is not None
    assert (found.frames > 40, found.errors) == (True, 0)


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


def test_data_is_handed_on_in_pieces_as_large_as_asked_for(context: FakeContext) -> None:
    pieces: list[list[bytes]] = []
    with ffmpeg.output(context, shell("printf abcdefgh; echo '1 packets read (2 bytes)' >&2"), 60) as output:
        for size in (3, 1, inf, inf):
            pieces.append([])
            output.hand_on(size, pieces[-1].append)
    assert [b"".join(each) for each in pieces] == [b"abc", b"d", b"efgh", b""]
    assert output.ended
    assert context.running == []


def test_data_of_a_program_that_fails_is_not_taken_for_all(context: FakeContext) -> None:
    with pytest.raises(PermanentError), ffmpeg.output(context, shell("printf abc; exit 69"), 60) as output:
        output.hand_on(inf, lambda data: None)
    with pytest.raises(TransientError), ffmpeg.output(context, shell("printf abc; kill -9 $$"), 60) as output:
        output.hand_on(inf, lambda data: None)
    assert context.running == []


def test_data_that_does_not_come_is_given_up(context: FakeContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be slow, and nobody may have read for long; of those who read none waits for ever."""
    monkeypatch.setattr(ffmpeg, "_TICK", 0.01)
    at = [0.0]

    def clock() -> float:
        at[0] += STALL_SECONDS / 2 + 1
        return at[0]

    with program(context, shell("printf abc; exec sleep 60")) as process:  # type: ignore[arg-type]
        output = ffmpeg.Output(context, process, 1e9, clock)  # type: ignore[arg-type]
        output.hand_on(3, lambda data: None)
        with pytest.raises(Stalled):
            output.hand_on(1, lambda data: None)
    with program(context, shell("printf abc; exec sleep 60")) as process:  # type: ignore[arg-type]
        output = ffmpeg.Output(context, process, 1e9, clock, quiet=5 * STALL_SECONDS)  # type: ignore[arg-type]
        began = at[0]
        output.hand_on(1, lambda data: None)
        with pytest.raises(Stalled):
            output.hand_on(3, lambda data: None)
        assert at[0] - began < 5 * STALL_SECONDS, "only its first is waited for longer"
    with program(context, shell("exec sleep 60")) as process:  # type: ignore[arg-type]
        output, began = ffmpeg.Output(context, process, 1e9, clock, quiet=5 * STALL_SECONDS), at[0]  # type: ignore[arg-type]
        with pytest.raises(Stalled):
            output.hand_on(1, lambda data: None)
        assert at[0] - began > 6 * STALL_SECONDS
    with program(context, shell("printf abc; exec sleep 60")) as process:  # type: ignore[arg-type]
        output = ffmpeg.Output(context, process, 1, clock)  # type: ignore[arg-type]
        with pytest.raises(PermanentError, match="many times"):
            output.hand_on(9, lambda data: None)
