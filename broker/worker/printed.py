"""The standard streams of a worker child: what a handler prints is logged, line by line."""

import io
import logging
import sys
import threading
from typing import TextIO

#: Characters that wait for the end of their line.
_LONGEST = 8192


class Printed(io.TextIOBase):
    """In place of ``sys.stdout`` or ``sys.stderr``; lines go to the logger of its name.

    What logging itself has to say when it fails goes to the stream that was there before.
    """

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, name: str, before: TextIO) -> None:
        self._before = before
        self._log = logging.getLogger(name)
        self._rest = ""
        self._inside = threading.local()

    @property
    def buffer(self) -> io.BufferedIOBase:
        """For who writes bytes: past the log."""
        return self._before.buffer  # type: ignore[return-value]

    def fileno(self) -> int:
        return self._before.fileno()

    def writable(self) -> bool:
        return True

    def reconfigure(self, **_: object) -> None:
        """Nothing is written here that an encoding or a buffer would matter for."""

    def write(self, text: str) -> int:
        if getattr(self._inside, "now", False):
            return self._before.write(text)
        *lines, rest = (self._rest + text).split("\n")
        self._rest = rest if len(rest) < _LONGEST else ""
        for line in lines if self._rest or not rest else [*lines, rest]:
            self._tell(line)
        return len(text)

    def flush(self) -> None:
        self._before.flush()

    def end_line(self) -> None:
        """The run is over: what has no end of line has one."""
        if self._rest:
            rest, self._rest = self._rest, ""
            self._tell(rest)

    def _tell(self, line: str) -> None:
        shown = line.rstrip("\r").rpartition("\r")[2]  # what a bar of progress has written over is not seen either
        if not shown.strip():
            return
        self._inside.now = True
        try:
            self._log.info("%s", shown)
        finally:
            self._inside.now = False


def log_what_is_printed() -> tuple[Printed, Printed]:
    """Puts both streams in place."""
    streams = Printed("stdout", sys.stdout), Printed("stderr", sys.stderr)
    sys.stdout, sys.stderr = streams
    return streams
