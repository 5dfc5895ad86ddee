"""One stream out of many: whole lines, each with the name of the process that wrote it."""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

from broker.clock import to_rfc3339
from broker.log import logs_json

_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92)
_BOLD, _RED = 1, 31
#: A line longer than this is printed in parts, so that no process can make the manager remember without bound.
_MAX_LINE = 64 * 1024


class Printer:
    """Writes lines to ``stream`` behind the time of day and a name; coloured where a person sees them."""

    def __init__(
        self,
        names: Sequence[str],
        stream: BinaryIO,
        coloured: bool,
        time_of_day: Callable[[], str] = lambda: time.strftime("%H:%M:%S"),
    ) -> None:
        self._stream = stream
        self._coloured = coloured
        self._time_of_day = time_of_day
        self._width = max(map(len, names), default=0)
        self._colour = {name: _COLOURS[number % len(_COLOURS)] for number, name in enumerate(names)}

    def line(self, name: str, text: bytes) -> None:
        """One line of a process. Raises ``BrokenPipeError`` when nobody reads any more."""
        prefix = self._paint(f"{self._time_of_day()} {name:{self._width}} |", self._colour.get(name, _BOLD))
        self._write(prefix.encode() + b" " + text.rstrip(b"\r\n") + b"\n")

    def note(self, text: str) -> None:
        """Something the manager itself has to say."""
        self.line("run", text.encode())

    def alarm(self, text: str) -> None:
        """Something that must not be overlooked."""
        for line in text.splitlines():
            self.line("run", self._paint(line, _RED).encode())

    def block(self, text: str, **facts: str) -> None:
        """Lines of their own, without a prefix, so that they can be copied; ``facts`` are those for programs."""
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


class JsonPrinter(Printer):
    """The same for programs: every line is one JSON object, and tells which process it is from as ``name``."""

    def line(self, name: str, text: bytes) -> None:
        said = text.decode(errors="replace").rstrip("\r\n")
        try:
            entry = json.loads(said)
        except ValueError:
            entry = None
        self._object(name, entry if isinstance(entry, dict) else _entry("info", name, said))

    def note(self, text: str) -> None:
        self._object("run", _entry("info", "run", text))

    def alarm(self, text: str) -> None:
        self._object("run", _entry("error", "run", text))

    def block(self, text: str, **facts: str) -> None:
        self._object("run", _entry("info", "run", text.partition("\n")[0]) | facts)

    def _object(self, name: str, entry: dict[str, Any]) -> None:
        self._write(json.dumps({"name": name, **entry}).encode() + b"\n")


def _entry(level: str, logger: str, message: str) -> dict[str, Any]:
    """As ``broker.log`` writes them."""
    return {"time": to_rfc3339(time.time_ns() // 1000), "level": level, "logger": logger, "message": message}


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
    """A printer on standard output, in colour on a terminal unless ``NO_COLOR`` is set, or as JSON."""
    if logs_json(environ):
        return JsonPrinter(names, sys.stdout.buffer, coloured=False)
    coloured = os.isatty(sys.stdout.fileno()) and not environ.get("NO_COLOR")
    return Printer(names, sys.stdout.buffer, coloured)
