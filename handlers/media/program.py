"""Runs a program on an untrusted file within bounds: memory, processor time, size of a file, no secrets."""

import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from broker.context import TaskContext
from broker.errors import TransientError
from handlers.media.bounds import FILE_SIZE, PROGRAM_MEMORY

#: Between the signal at the processor time's limit and the kill.
_GRACE_SECONDS = 5
#: The only variables that are passed on: nothing secret, and none that ffmpeg would obey.
_ENVIRONMENT = ("LD_LIBRARY_PATH",)
#: Where graphics cards' drivers look for which card and driver to use.
_OF_GRAPHICS = ("CUDA_VISIBLE_DEVICES", "LIBVA_DRIVER_NAME", "LIBVA_DRIVERS_PATH")
#: Signals that a program gets for what it does itself.
_ITS_OWN = frozenset(
    {signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV, signal.SIGSYS, signal.SIGTRAP}
)
_LOG = "program.log"
_LOG_TAIL, _LOG_MOST = 4096, FILE_SIZE // 4


class Crashed(TransientError):
    """A program was ended for what it did itself: with the same file it most likely will be again."""


@contextmanager
def program(
    context: TaskContext, argv: list[str], *, memory: int = PROGRAM_MEMORY, graphics: bool = False, **environ: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """A running program with the scratch folder as its own and a pipe as its output; killed when the block is left.

    What it says about errors goes to a file, see ``log_tail``. ``memory`` is in bytes. ``graphics``: it may use the
    graphics card.
    """
    env = bare_environment() | environ
    if graphics:
        env |= {name: os.environ[name] for name in _OF_GRAPHICS if name in os.environ}
    path = context.scratch / _LOG
    path.unlink(missing_ok=True)
    with path.open("ab") as log:
        process = context.popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, cwd=context.scratch, env=env
        )
    try:
        # Drivers reserve far more addresses than they use, of which the memory that can be written is counted then.
        counted = resource.RLIMIT_DATA if graphics else resource.RLIMIT_AS
        _confine(process.pid, int(context.seconds_left()), counted, memory)
        yield process
    finally:
        if process.stdout:
            process.stdout.close()
        context.kill_group(process)


def bare_environment() -> dict[str, str]:
    """The few variables that a program gets that reads what strangers sent."""
    return {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}


def _confine(pid: int, seconds_left: int, counted: int, memory: int) -> None:
    """Set the limits from outside; a system without prlimit(2) has the wall clock alone."""
    if not hasattr(resource, "prlimit"):
        return
    seconds = max(1, seconds_left) * (os.cpu_count() or 1)
    for limit, soft, hard in (
        (counted, memory, memory),
        (resource.RLIMIT_FSIZE, FILE_SIZE, FILE_SIZE),
        (resource.RLIMIT_CPU, seconds, seconds + _GRACE_SECONDS),
    ):
        try:
            resource.prlimit(pid, limit, (soft, hard))
        except ProcessLookupError:  # It is over already.
            return


def trim_log(scratch: Path) -> None:
    """Forget what the running program has said when it is too much: hours of damage would reach the size of a file."""
    path = scratch / _LOG
    if path.stat().st_size > _LOG_MOST:
        os.truncate(path, 0)


def log_tail(scratch: Path, size: int = _LOG_TAIL) -> str:
    """The end of what the last program said."""
    with (scratch / _LOG).open("rb") as log:
        log.seek(max(0, log.seek(0, os.SEEK_END) - size))
        return log.read().decode(errors="replace").strip()


def check_not_killed(exit_code: int, what: str) -> None:
    """Raise ``TransientError`` when a signal ended the program: the machine's trouble, or our own limits.

    One that it brought upon itself is ``Crashed``.
    """
    if exit_code < 0:
        if -exit_code in _ITS_OWN:
            raise Crashed(f"{what} has crashed (signal {-exit_code}).")
        raise TransientError(f"{what} was killed by signal {-exit_code}; the worker may be short of memory.")
