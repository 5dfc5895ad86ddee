"""Has untrusted media decoded outside the worker child, by the program ``decoder``, which is kept between files."""

import atexit
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from broker.errors import PermanentError, TransientError
from broker.worker import processes
from handlers.media.bounds import Limits
from handlers.media.program import bare_environment, check_not_killed
from handlers.media.wire import END, FAULT, ITEM, PERMANENT, Broken, receive, send

log = logging.getLogger(__name__)

#: A decoder that holds more MiB than this after a file is replaced.
_GROWN = 384
#: Several threads gain nothing here and reserve address space.
_FRUGAL = {"MALLOC_ARENA_MAX": "2", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
#: Bytes of free memory that a decoder keeps, and of one piece of it: to be given each page anew takes a picture a
#: twentieth of the time that it takes as a whole.
_KEPT = dict.fromkeys(("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"), str(16 * 2**20))
#: Bytes in the pipes: a picture of 384 x 512 pixels passes in one piece.
_PIPE = 2**20
#: Seconds from the end of a program's pipe to its own.
_DYING = 5.0
#: Decoders of this process that wait for their next file.
_idle: "list[_Decoder]" = []


def decode(function: str, *arguments: Any, limits: Limits, seconds: float) -> Iterator[Any]:
    """What ``module:function`` answers to these arguments in the decoder; of a generator its items, as they come.

    Arguments and items are what MessagePack knows; paths go as text. ``seconds`` is what the task has left, or less:
    then the decoder is ended, even one that hangs. Raises ``PermanentError`` and ``TransientError`` as the function
    does, for a file that breaks its limits too. A decoder that did not come to a good end gets no other file.
    """
    decoder = _take()
    try:
        yield from decoder.ask(function, arguments, limits, seconds)
    except BaseException:  # that the task's time is over, and that nobody wants the rest, among others
        decoder.kill()
        raise
    if processes.resident_mib(decoder.pid) > _GROWN:
        decoder.kill()
    else:
        _idle.append(decoder)


def decode_one(function: str, *arguments: Any, limits: Limits, seconds: float) -> Any:
    """As ``decode``, for a function with one answer."""
    (answer,) = decode(function, *arguments, limits=limits, seconds=seconds)
    return answer


def close() -> None:
    """End the idle decoders of this process."""
    while _idle:
        _idle.pop().kill()


atexit.register(close)


def _take() -> "_Decoder":
    while _idle:
        decoder = _idle.pop()
        if decoder.alive():
            return decoder
        decoder.kill()
    return _Decoder()


class _Decoder:
    """A running program."""

    def __init__(self) -> None:
        self._process = processes.start(
            [sys.executable, "-P", "-m", "handlers.media.decoder"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pipesize=_PIPE,
            cwd="/",
            env=bare_environment() | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))} | _FRUGAL | _KEPT,
        )
        assert self._process.stdin
        assert self._process.stdout
        self.pid = self._process.pid
        self._requests, self._answers = self._process.stdin, self._process.stdout

    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, function: str, arguments: tuple[Any, ...], limits: Limits, seconds: float) -> Iterator[Any]:
        time = min(limits.seconds, max(1.0, seconds) * (os.cpu_count() or 1))
        try:
            send(self._requests, (function, arguments, limits.memory, time, max(1.0, seconds)))
            while True:
                kind, value = receive(self._answers)
                if kind == END:
                    return
                if kind != ITEM:
                    raise _refusal(function, kind, value)
                yield value
        except Broken:
            raise self._end() from None

    def _end(self) -> PermanentError | TransientError:
        """What the program's end, or its nonsense, means."""
        try:
            code = self._process.wait(_DYING)
        except subprocess.TimeoutExpired:
            return TransientError("The decoder does not answer as it should.")
        if code in (-signal.SIGXCPU, -signal.SIGALRM):
            return PermanentError("This file takes too long to be decoded.")
        check_not_killed(code, "The decoder")
        return TransientError(f"The decoder ended with status {code}.")

    def kill(self) -> None:
        """End the program, whatever it does."""
        processes.kill_group(self.pid)
        for pipe in (self._requests, self._answers):
            with suppress(BrokenPipeError):
                pipe.close()
        self._process.wait()


def _refusal(function: str, kind: int, value: Any) -> PermanentError | TransientError:
    if kind == FAULT:
        log.warning("%s failed: %s", function, value)
        return TransientError(f"The decoder failed: {str(value).splitlines()[-1]}")
    return PermanentError(value) if kind == PERMANENT else TransientError(value)
