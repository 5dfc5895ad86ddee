"""Runs ffmpeg: reads its progress, ends it when it hangs, and tells what its end means.

It is only ever ended by SIGKILL: at SIGTERM it would finish a segment that is too short, and look done.
"""

import time
from collections.abc import Callable, Iterable
from functools import cache

import imageio_ffmpeg

from broker.context import TaskContext
from broker.errors import PermanentError, TransientError
from handlers.media.program import check_not_killed, log_tail, program

#: ffmpeg reports twice a second; so long without one more frame is no slow machine any more.
STALL_SECONDS = 180.0
#: ffmpeg ends with this when a signal, that of the processor time's limit for one, asked it to.
_ENDED_BY_SIGNAL = 255
_FULL = "No space left on device"


@cache
def binary() -> str:
    """The bundled ffmpeg."""
    return str(imageio_ffmpeg.get_ffmpeg_exe())


def encode(context: TaskContext, argv: list[str], on_frame: Callable[[int], None]) -> None:
    """Run a command made by ``graph`` to its end, in the scratch folder. ``on_frame`` gets the frames done so far.

    Raises ``PermanentError`` for a source that cannot be decoded and ``TransientError`` for trouble of the machine.
    """
    with program(context, argv) as process:
        assert process.stdout is not None
        watch(process.stdout, on_frame, time.monotonic)
        code = process.wait()
    if code == 0:
        return
    log = log_tail(context.scratch)
    context.log.warning("ffmpeg ended with %d: %s", code, log)
    check_not_killed(code, "ffmpeg")
    if code == _ENDED_BY_SIGNAL:
        raise TransientError("ffmpeg was asked to stop; the worker may be shutting down.")
    if _FULL in log:
        raise TransientError("The worker's disk is full.")
    raise PermanentError("The video cannot be decoded; it is damaged, or in a format that is not supported.")


def watch(lines: Iterable[bytes], on_frame: Callable[[int], None], monotonic: Callable[[], float]) -> None:
    """Follow ``-progress`` output (``key=value`` lines) until it ends.

    Raises ``TransientError`` when frames stop coming.
    """
    done, since = -1, monotonic()
    for line in lines:
        key, _, value = line.strip().partition(b"=")
        if key != b"frame" or not value.strip().isdigit():
            continue
        now = monotonic()
        if int(value) > done:
            done, since = int(value), now
            on_frame(done)
        elif now - since > STALL_SECONDS:
            raise TransientError(f"ffmpeg finished no frame for {STALL_SECONDS:g} s.")
