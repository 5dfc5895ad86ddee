"""Runs ffmpeg: reads its progress, ends it when it hangs, and tells what its end means.

It is only ever ended by SIGKILL: at SIGTERM it would finish a segment that is too short, and look done.
"""

import fcntl
import os
import re
import select
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO, NamedTuple

import imageio_ffmpeg

from broker.context import TaskContext
from broker.errors import PermanentError, TransientError
from handlers.media.bounds import PROGRAM_MEMORY
from handlers.media.program import check_not_killed, log_tail, program, trim_log

#: So long without one more frame is no slow machine any more.
STALL_SECONDS = 180.0
#: How often a silent ffmpeg is thought of, in seconds.
_TICK = 1.0
#: ffmpeg ends with this when a signal, that of the processor time's limit for one, asked it to.
_ENDED_BY_SIGNAL = 255
_FULL = "No space left on device"
_SUMMARY = re.compile(
    r"packets read \(\d+ bytes\); (\d+) (?:frames|samples) decoded(?:; | \(\d+ samples\); )(\d+) decode"
)
_SUMMARY_BYTES = 65536
#: Bytes that a program may say before it waits, where the system lets it be so many.
_PIPE = 2**20


class Stalled(TransientError):
    """ffmpeg makes no progress on this video."""


class Decoded(NamedTuple):
    """What became of the packets of the first input track: decoded frames, and errors."""

    frames: int
    errors: int


@cache
def binary() -> str:
    """The bundled ffmpeg."""
    return str(imageio_ffmpeg.get_ffmpeg_exe())


def encode(
    context: TaskContext,
    argv: list[str],
    measure: str,
    on_progress: Callable[[int], None],
    allowed: float,
    *,
    memory: int = PROGRAM_MEMORY,
    graphics: bool = False,
) -> Decoded | None:
    """Run a command to its end, in the scratch folder, for at most ``allowed`` seconds.

    ``measure`` is the member of ffmpeg's progress that has to grow, ``on_progress`` gets its values. ``memory`` and
    ``graphics`` are as in ``handlers.media.program``.

    Raises ``PermanentError`` for a source that cannot be decoded, ``Stalled`` when it makes no progress, and
    ``TransientError`` for trouble of the machine.
    """
    with program(context, argv, memory=memory, graphics=graphics) as process:
        assert process.stdout is not None
        lines = _with_short_log(spoken(process.stdout, _TICK), context.scratch)
        watch(lines, measure, on_progress, time.monotonic, allowed)
        code = _end(process)
    return _judge(context, code, graphics=graphics)


def _judge(context: TaskContext, code: int, *, graphics: bool = False) -> Decoded | None:
    """What an end with ``code`` means."""
    if code == 0:
        return _decoded(log_tail(context.scratch, _SUMMARY_BYTES))
    log = log_tail(context.scratch)
    context.log.warning("ffmpeg ended with %d: %s", code, log)
    if not graphics:  # whose driver may crash, or be refused what it wants, which ends ffmpeg in the same ways
        check_not_killed(code, "ffmpeg")
    if code == _ENDED_BY_SIGNAL and not graphics:
        raise TransientError("ffmpeg was asked to stop; the worker may be shutting down.")
    if _FULL in log:
        raise TransientError("The worker's disk is full.")
    raise PermanentError("The video cannot be decoded; it is damaged, or in a format that is not supported.")


def spoken(pipe: IO[bytes], tick: float) -> Iterator[bytes | None]:
    """The lines that a program says, and ``None`` whenever it has said nothing for ``tick`` seconds."""
    rest = b""
    for data in _said(pipe, tick):
        if data is None:
            yield None
            continue
        *lines, rest = (rest + data).split(b"\n")
        yield from lines


def _said(pipe: IO[bytes], tick: float) -> Iterator[bytes | None]:
    """What a program says, and ``None`` whenever that has been nothing for ``tick`` seconds."""
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    while True:
        if not poll.poll(tick * 1000):
            yield None
            continue
        data = os.read(pipe.fileno(), _PIPE)
        if not data:
            return
        yield data


def _with_short_log(lines: Iterable[bytes | None], scratch: Path) -> Iterator[bytes | None]:
    for line in lines:
        trim_log(scratch)
        yield line


def watch(
    lines: Iterable[bytes | None],
    measure: str,
    on_progress: Callable[[int], None],
    monotonic: Callable[[], float],
    allowed: float,
) -> None:
    """Follow ``-progress`` output (``key=value`` lines, ``None`` for silence) until it ends.

    Raises ``Stalled`` when ``measure`` stops growing, whatever else is said, and ``PermanentError`` after ``allowed``
    seconds.
    """
    started = since = monotonic()
    done = -1
    for line in lines:
        now = monotonic()
        value = _value(line, measure.encode())
        if value > done:
            done, since = value, now
            on_progress(done)
        elif now - since > STALL_SECONDS:
            raise Stalled(f"ffmpeg made no progress for {STALL_SECONDS:g} s.")
        if now - started > allowed:
            raise PermanentError(f"Transcoding took more than {allowed:.0f} s, many times what such a video needs.")


class Output:
    """What a running program says, which is no lines but data. Nobody reads ahead: meanwhile it waits."""

    def __init__(
        self,
        context: TaskContext,
        process: "subprocess.Popen[bytes]",
        allowed: float,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        quiet: float = 0.0,
    ) -> None:
        """It may be waited for ``allowed`` seconds in all, and ``quiet`` seconds longer than usual for its first."""
        assert process.stdout is not None
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            with suppress(OSError):
                fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, _PIPE)
        self._context = context
        self._process = process
        self._said = _said(process.stdout, _TICK)
        self._rest = b""
        self._left = allowed
        self._patience = STALL_SECONDS + quiet
        self._trim_at = 0.0
        self._monotonic = monotonic
        #: Whether it has ended, in order, and what it has decoded until then.
        self.ended = False
        self.decoded: Decoded | None = None

    def hand_on(self, size: float, take: Callable[[bytes], object]) -> None:
        """Give ``take`` the next ``size`` bytes, or fewer where they end. Raises what ``encode`` does."""
        since = self._monotonic()
        while size > 0 and not self.ended:
            data = self._rest or next(self._said, b"")
            now = self._monotonic()
            self._rest = b""
            if data == b"":
                self.decoded, self.ended = _judge(self._context, _end(self._process)), True
            elif data:
                self._rest = data[int(size) :] if size < len(data) else b""
                take(data[: len(data) - len(self._rest)])
                size -= len(data) - len(self._rest)
                self._left, since, self._patience = self._left - (now - since), now, STALL_SECONDS
                if now > self._trim_at:
                    trim_log(self._context.scratch)
                    self._trim_at = now + _TICK
            elif now - since > self._patience:
                raise Stalled(f"ffmpeg has said nothing for {self._patience:.0f} s.")
            if self._left < 0:
                raise PermanentError("The sound took many times what it needs to be decoded.")


@contextmanager
def output(context: TaskContext, argv: list[str], allowed: float, *, quiet: float = 0.0) -> Iterator[Output]:
    """A program that runs in the scratch folder and says data; ``allowed`` and ``quiet`` are as in ``Output``."""
    with program(context, argv) as process:
        yield Output(context, process, allowed, quiet=quiet)


def _value(line: bytes | None, measure: bytes) -> int:
    key, _, value = (line or b"").strip().partition(b"=")
    return int(value) if key == measure and value.strip().isdigit() else -1


def _end(process: "subprocess.Popen[bytes]") -> int:
    try:
        return process.wait(STALL_SECONDS)
    except subprocess.TimeoutExpired:
        raise Stalled("ffmpeg does not end.") from None


def _decoded(log: str) -> Decoded | None:
    found = _SUMMARY.search(log)
    return Decoded(int(found[1]), int(found[2])) if found else None
