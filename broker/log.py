"""How processes log: one line per event to standard error, as text or (``LOG_FORMAT=json``) as JSON.

A record may have ``fields``: text shows them after the message as ``name=value``, JSON as members of the object. What
is known of what is being done here and now (the request, in a worker child the run) is added to all lines.
"""

import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from select import PIPE_BUF
from types import TracebackType
from typing import Any, TypeAlias

from broker import trace
from broker.clock import to_rfc3339

#: When it happened, in seconds since the epoch, what, and its fields.
Event: TypeAlias = tuple[float, str, Mapping[str, Any]]
#: When it happened, and the values of its fields, of an event of whose kind there are many.
Row: TypeAlias = tuple[float, tuple[Any, ...]]
#: Control characters (C0, DEL, C1), line and paragraph separators, marks that turn the direction of what follows, and
#: halves of surrogate pairs: whatever could make a terminal or a reader of lines see something else than was logged.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
#: A value that can be told from what stands around it.
_PLAIN = re.compile(r"[\w.:,@/+-]+", re.ASCII)
_ID_LENGTH = 36
_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode
#: What is added to each line, as fields.
Facts: TypeAlias = Callable[[], Mapping[str, Any]]
_facts: list[Facts] = [trace.facts]


def add_facts(facts: Facts) -> None:
    """Has these added to every line of this process, instead of those of the running request."""
    _facts[0] = facts


def escaped(text: str) -> str:
    """Text that is one line and shows what it holds."""
    return _UNSEEN.sub(_escape, text)


class Json(logging.Formatter):
    """An object on a line of its own."""

    def format(self, record: logging.LogRecord) -> str:
        fields = _with_facts(getattr(record, "fields", {}))
        if trace := _trace(self, record):
            fields = {**fields, "exception": trace}
        return self.line(record.levelno, record.name, record.created, record.getMessage(), fields)

    def line(self, level: int, name: str, created: float, message: str, fields: Mapping[str, Any]) -> str:
        """An event of this process."""
        entry = {
            "time": to_rfc3339(round(created * 1_000_000)),
            "level": logging.getLevelName(level).lower(),
            "logger": name,
            "process": os.getpid(),
            "message": message,
            **fields,
        }
        # json.dumps escapes C0 alone; a backslash of ours in its output would have to be doubled, JSON's own form not.
        line = _encode(entry)
        if line.isascii() and line.isprintable():
            return line
        return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", line)

    def lines(self, level: int, name: str, message: str, names: tuple[str, ...], rows: Sequence[Row]) -> list[str]:
        """Events of one kind, whose fields have these names; numbers to the millionth, as in text."""
        rounded = ((at, [round(each, 6) if type(each) is float else each for each in row]) for at, row in rows)
        return [self.line(level, name, at, message, dict(zip(names, row, strict=True))) for at, row in rounded]


class Text(logging.Formatter):
    """A line; below it, set in, a traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        fields = _with_facts(getattr(record, "fields", {}))
        line = self.line(record.levelno, record.name, record.created, record.getMessage(), fields)
        lines = _trace(self, record).split("\n") if record.exc_info or record.stack_info else []
        return "\n".join([line, *(f"  {escaped(each)}" for each in lines)])

    def line(self, level: int, name: str, _: float, message: str, fields: Mapping[str, Any]) -> str:
        """An event."""
        if fields:
            line = _form(level, name, message, tuple(fields)) % tuple([_shown(value) for value in fields.values()])
        else:
            line = f"{logging.getLevelName(level):<7} {name} {message}"
        return line if line.isascii() and line.isprintable() else escaped(line)

    def lines(self, level: int, name: str, message: str, names: tuple[str, ...], rows: Sequence[Row]) -> list[str]:
        """Events of one kind, whose fields have these names; those of one name have values of one type."""
        columns = list(zip(*(row for _, row in rows), strict=True))
        if all(map(_plain, columns)):
            form = _form(level, name, message, names, tuple(type(column[0]) is float for column in columns))
            return [form % row for _, row in rows]
        return [self.line(level, name, at, message, dict(zip(names, row, strict=True))) for at, row in rows]


Listener: TypeAlias = Callable[[logging.LogRecord], None]


class _Output(logging.StreamHandler[Any]):
    """Standard error, also for events that are written without the detour over a record."""

    def __init__(self, layout: Json | Text) -> None:
        super().__init__(sys.stderr)
        self.setFormatter(layout)
        self._layout = layout
        #: Gets every record too.
        self.listener: Listener | None = None
        try:
            self._descriptor = sys.stderr.fileno()
        except OSError:  # something that stands for it
            self._descriptor = -1

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        if self.listener:
            self.listener(record)

    def put(self, level: int, name: str, events: Iterable[Event]) -> None:
        self._put(self._layout.line(level, name, at, what, _with_facts(fields)) for at, what, fields in events)

    def put_rows(self, level: int, name: str, message: str, names: tuple[str, ...], rows: Sequence[Row]) -> None:
        self._put(self._layout.lines(level, name, message, names, rows))

    def _put(self, lines: Iterable[str]) -> None:
        held: list[bytes] = []
        size = 0
        for line in lines:
            data = f"{line}\n".encode()
            if size + len(data) > PIPE_BUF:  # so much is written in one piece, without a lock
                self._write(b"".join(held))
                held, size = [], 0
            held.append(data)
            size += len(data)
        self._write(b"".join(held))

    def _write(self, data: bytes) -> None:
        with suppress(OSError, ValueError):  # as logging does: nobody's work ends because nobody reads of it
            if self._descriptor < 0:
                self.stream.write(data.decode())
                return
            while data:
                data = data[os.write(self._descriptor, data) :]


def logs_json(environ: Mapping[str, str]) -> bool:
    """Whether ``LOG_FORMAT`` says so. What else is wrong with it is told by who reads the settings, as text."""
    return environ.get("LOG_FORMAT", "").strip() == "json"


def set_up_logging(environ: Mapping[str, str]) -> None:
    """Logs from INFO up, in the format that ``LOG_FORMAT`` (``text`` or ``json``) names.

    With ``LOG_TASKS=trouble`` what went well with tasks is left out.
    """
    as_json = logs_json(environ)
    logging.basicConfig(level=logging.INFO, handlers=[_Output(Json() if as_json else Text())], force=True)
    trouble_only = environ.get("LOG_TASKS", "").strip() == "trouble"
    logging.getLogger("task").setLevel(logging.WARNING if trouble_only else logging.INFO)
    if as_json:  # what would end up on standard error as it is
        sys.excepthook = _log_uncaught
        logging.captureWarnings(capture=True)


def listen(listener: Listener) -> None:
    """Has every record that is logged in this process told to this function as well."""
    if output := _output():
        output.listener = listener
    else:
        logging.root.addHandler(_Copies(listener))


class _Copies(logging.Handler):
    """For processes whose logging somebody else has set up."""

    def __init__(self, listener: Listener) -> None:
        super().__init__()
        self._listener = listener

    def emit(self, record: logging.LogRecord) -> None:
        self._listener(record)


def tell_events(logger: logging.Logger, level: int, events: Iterable[Event]) -> None:
    """Logs events in a third of the time that ``logger.log`` takes, where ``set_up_logging`` was called.

    For what is logged thousands of times a second.
    """
    if output := _output():
        output.put(level, logger.name, events)
    else:
        for _, message, fields in events:
            logger.log(level, message, extra={"fields": fields})


def tell_rows(logger: logging.Logger, level: int, message: str, names: tuple[str, ...], rows: Sequence[Row]) -> None:
    """The same of events of one kind, whose fields have these names, in a third of the time of ``tell_events``."""
    if not rows:
        return
    if output := _output():
        output.put_rows(level, logger.name, message, names, rows)
    else:
        for _, row in rows:
            logger.log(level, message, extra={"fields": dict(zip(names, row, strict=True))})


def _with_facts(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    facts = _facts[0]()
    return {**facts, **fields} if facts else fields


def _output() -> _Output | None:
    handlers = logging.root.handlers
    return handlers[0] if len(handlers) == 1 and type(handlers[0]) is _Output else None


@lru_cache(maxsize=256)
def _form(level: int, name: str, message: str, names: tuple[str, ...], floats: tuple[bool, ...] = ()) -> str:
    """A line with places for the values of fields of these names, of which some are ``floats``."""
    words = f"{logging.getLevelName(level):<7} {name} {message}".replace("%", "%%")
    kinds = ("%.6f" if each else "%s" for each in floats or [False] * len(names))
    return words + "".join(f" {each}={kind}" for each, kind in zip(names, kinds, strict=True))


def _plain(column: tuple[Any, ...]) -> bool:
    """Whether a line can show all these values as they are."""
    if type(column[0]) is not str:
        return True
    values = set(column)
    return "" not in values and _PLAIN.fullmatch("".join(values)) is not None


def _shown(value: Any) -> str | int:
    if type(value) is str:
        return _quoted(value) if len(value) == _ID_LENGTH else _quoted_again(value)
    return f"{value:.6f}" if type(value) is float else value


def _quoted(text: str) -> str:
    plain = (text.isascii() and text.replace("-", "").isalnum()) or _PLAIN.fullmatch(text)
    return text if plain else _encode(text)


#: For what comes again and again; ids do not.
_quoted_again = lru_cache(maxsize=1024)(_quoted)


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        logging.getLogger("broker").info("interrupted")
    else:
        logging.getLogger("broker").critical("ended by an error", exc_info=(kind, error, trace))


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    parts = [formatter.formatException(record.exc_info)] if record.exc_info else []
    return "\n".join([*parts, *([formatter.formatStack(record.stack_info)] if record.stack_info else [])])


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return _SHORT.get(found[0]) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
