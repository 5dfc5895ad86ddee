"""Guards the bounded program that reads what strangers sent: it is kept, limited, and harms nobody when it ends."""

import os
import select
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from broker.errors import PermanentError, TaskTimeout, TransientError
from broker.worker import processes
from handlers.media import decoding
from handlers.media.bounds import PICTURE
from handlers.media.decoding import close, decode, decode_one
from handlers.media.program import Crashed

HERE = "tests.handlers.media.test_decoding"


@pytest.fixture(autouse=True)
def no_decoder() -> Iterator[None]:
    close()
    yield
    close()


# what runs in the decoder ------------------------------------------------------------------------------------------


def number() -> int:
    return os.getpid()


def numbers(count: int) -> Iterator[int]:
    yield from range(count)
    yield os.getpid()


def hungry(_size: int) -> int:
    return len(bytearray(_size))


def busy() -> None:
    while True:
        pass


def napping() -> str:
    time.sleep(1.2)
    return "awake"


def hanging() -> None:
    signal.pause()


def refusing(kind: str) -> None:
    if kind == "fault":
        raise ValueError("/srv/secret")
    raise {"permanent": PermanentError, "transient": TransientError}[kind](f"a {kind} one")


def crash(signal_number: int = signal.SIGSEGV) -> None:
    os.kill(os.getpid(), signal_number)


def swelling() -> int:
    swelling.kept = bytearray(os.urandom(1)) * 500_000_000  # type: ignore[attr-defined]
    return os.getpid()


def secrets() -> list[str]:
    return sorted(os.environ)


def talkative() -> str:
    os.write(1, b"noise " * 1000)
    return "heard"


def writing(path: str) -> None:
    Path(path).write_bytes(b"x")


def ask(function: str, *arguments: object, limits=PICTURE, seconds: float = 60):
    return decode_one(f"{HERE}:{function}", *arguments, limits=limits, seconds=seconds)


# ---------------------------------------------------------------------------------------------------------------------


def test_one_program_reads_file_after_file() -> None:
    first = ask("number")
    assert first != os.getpid()
    assert list(decode(f"{HERE}:numbers", 3, limits=PICTURE, seconds=60)) == [0, 1, 2, first]
    assert ask("number") == first


def test_a_file_that_needs_too_much_memory_is_refused() -> None:
    small = replace(PICTURE, memory=2**30)
    with pytest.raises(PermanentError, match="too much memory"):
        ask("hungry", 2**30, limits=small)
    assert ask("hungry", 2**29, limits=small) == 2**29
    assert ask("hungry", 2**30) == 2**30, "the limit is that of each file"


def test_a_file_that_takes_too_long_is_refused() -> None:
    with pytest.raises(PermanentError, match="too long"):
        ask("busy", limits=replace(PICTURE, seconds=1))


def test_the_limit_of_time_is_that_of_each_file() -> None:
    program = ask("number")
    for _ in range(4):
        ask("spend", 0.5, limits=replace(PICTURE, seconds=1))
    assert ask("number") == program


def spend(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


@pytest.mark.parametrize(("kind", "raised"), [("permanent", PermanentError), ("transient", TransientError)])
def test_refusals_come_through_as_they_are(kind: str, raised: type[Exception]) -> None:
    with pytest.raises(raised, match=f"a {kind} one"):
        ask("refusing", kind)


def test_a_fault_of_ours_may_pass() -> None:
    with pytest.raises(TransientError, match="ValueError"):
        ask("refusing", "fault")


def test_a_crash_is_survived_and_said() -> None:
    with pytest.raises(TransientError, match=f"signal {signal.SIGSEGV.value}"):
        ask("crash")
    assert ask("number") > 0


@pytest.mark.parametrize(
    ("signal_number", "its_own"),
    [(signal.SIGSEGV, True), (signal.SIGABRT, True), (signal.SIGKILL, False)],
)
def test_a_crash_is_told_apart_from_being_killed_by_others(signal_number: int, its_own: bool) -> None:
    with pytest.raises(TransientError) as ended:
        ask("crash", int(signal_number))
    assert isinstance(ended.value, Crashed) == its_own


def test_a_decoder_that_failed_gets_no_other_file() -> None:
    program = ask("number")
    with pytest.raises(PermanentError):
        ask("refusing", "permanent")
    assert ask("number") != program
    assert not Path(f"/proc/{program}").exists()


def test_a_decoder_that_has_grown_is_replaced() -> None:
    program = ask("swelling")
    assert not Path(f"/proc/{program}").exists()


def test_an_idle_decoder_that_was_killed_is_replaced() -> None:
    program = ask("number")
    os.kill(program, signal.SIGKILL)
    os.waitid(os.P_PID, program, os.WEXITED | os.WNOWAIT)
    assert ask("number") != program


def test_when_the_tasks_time_is_over_nothing_runs_on() -> None:
    def time_is_up(*_: object) -> None:
        raise TaskTimeout

    before = signal.signal(signal.SIGALRM, time_is_up)
    program = ask("number")
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(TaskTimeout):
            ask("busy")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert not Path(f"/proc/{program}").exists()


def test_one_that_hangs_without_using_the_processor_is_ended() -> None:
    with pytest.raises(PermanentError, match="too long"):
        decode_one(f"{HERE}:hanging", limits=PICTURE, seconds=0)


def test_the_time_of_one_file_ends_no_later_one() -> None:
    ask("number")
    decode_one(f"{HERE}:number", limits=PICTURE, seconds=0)
    assert list(decode(f"{HERE}:napping", limits=PICTURE, seconds=60)) == ["awake"]


def test_what_nobody_wants_any_more_is_ended() -> None:
    items = decode(f"{HERE}:numbers", 1_000_000, limits=PICTURE, seconds=60)
    assert next(items) == 0
    items.close()  # type: ignore[attr-defined]
    assert decoding._idle == []


def test_it_knows_no_secrets_and_writes_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "hush")
    assert not {"SECRET_KEY", "HOME", "REDIS_URL"} & set(ask("secrets"))
    with pytest.raises(TransientError, match="OSError"):
        ask("writing", str(tmp_path / "a"))
    assert (tmp_path / "a").stat().st_size == 0


def test_what_a_library_prints_disturbs_no_answer() -> None:
    assert ask("talkative") == "heard"


def test_it_dies_with_its_worker() -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        decoding._idle.clear()
        os.write(writing, str(ask("number")).encode())
        signal.pause()
    program = int(os.read(reading, 20))
    pidfd = os.pidfd_open(program)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert processes.resident_mib(program) == 0 or _readable(pidfd)
    for each in (reading, writing, pidfd):
        os.close(each)


def _readable(pidfd: int) -> bool:
    return bool(select.select([pidfd], [], [], 10)[0])
