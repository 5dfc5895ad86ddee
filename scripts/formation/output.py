"""One stream out of many: whole lines, each with the name of the process that wrote it."""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import BinaryIO

_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92)
_BOLD, _RED = 1, 31
#: A line longer than this is printed in parts, so that no process can make the manager remember without bound.
_MAX_LINE = 64 * 1024


class Printer:
    """Writes prefixed lines to ``stream``; coloured where a person sees them."""

    def __init__(self, names: Sequence[str], stream: BinaryIO, coloured: bool) -> None:
        self._stream = stream
        self._coloured = coloured
        self._width = max(map(len, names), default=0)
        self._colour = {name: _COLOURS[number % len(_COLOURS)] for number, name in enumerate(names)}

    def line(self, name: str, text: bytes) -> None:
        """One line of a process. Raises ``BrokenPipeError`` when nobody reads any more."""
        prefix = self._paint(f"{name:{self._width}} |", self._colour.get(name, _BOLD))
        self._write(prefix.encode() + b" " + text.rstrip(b"\r\n") + b"\n")

    def note(self, text: str) -> None:
        """Something the manager itself has to say."""
        self.line("run", text.encode())

    def alarm(self, text: str) -> None:
        """Something that must not be overlooked."""
        for line in text.splitlines():
            self.line("run", self._paint(line, _RED).encode())

    def block(self, text: str) -> None:
        """Lines of their own, without a prefix, so that they can be copied."""
        self._write(b"\n" + text.encode() + b"\n\n")

    def _write(self, data: bytes) -> None:
        try:
            self._stream.write(data)
            self._stream.flush()
        except BrokenPipeError:
            # What follows, and what the stream still holds, goes nowhere instead of failing again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
            raise

    def bold(self, text: str) -> str:
        return self._paint(text, _BOLD)

    def _paint(self, text: str, colour: int) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._coloured else text


class Lines:
    """Cuts what comes out of a pipe into lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that ``data`` completes; no data at all is the end, and gives what is left."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        if self._rest and (not data or len(self._rest) > _MAX_LINE):
            whole.append(self._rest)
            self._rest = b""
        return whole


def standard_printer(names: Sequence[str], environ: Mapping[str, str]) -> Printer:
    """A printer on standard output, in colour on a terminal unless ``NO_COLOR`` is set."""
    coloured = os.isatty(sys.stdout.fileno()) and not environ.get("NO_COLOR")
    return Printer(names, sys.stdout.buffer, coloured)
