"""How processes log: one line per event to standard error, as text or (``LOG_FORMAT=json``) as JSON."""

import json
import logging
import re
import sys
from collections.abc import Mapping
from types import TracebackType

from broker.clock import to_rfc3339

#: Control characters (C0, DEL, C1), line and paragraph separators, marks that turn the direction of what follows, and
#: halves of surrogate pairs: whatever could make a terminal or a reader of lines see something else than was logged.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def escaped(text: str) -> str:
    """Text that is one line and shows what it holds."""
    return _UNSEEN.sub(_escape, text)


class Json(logging.Formatter):
    """An object on a line of its own."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": to_rfc3339(round(record.created * 1_000_000)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
        }
        if trace := _trace(self, record):
            entry["exception"] = trace
        # json.dumps escapes C0 alone; a backslash of ours in its output would have to be doubled, JSON's own form not.
        return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(entry, ensure_ascii=False))


class Text(logging.Formatter):
    """A line; below it, set in, a traceback if there is one."""

    def __init__(self) -> None:
        super().__init__("%(levelname)-7s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        record.message = record.getMessage()
        lines = (_trace(self, record) or "").split("\n") if record.exc_info or record.stack_info else []
        return "\n".join([escaped(self.formatMessage(record)), *(f"  {escaped(line)}" for line in lines)])


def logs_json(environ: Mapping[str, str]) -> bool:
    """Whether ``LOG_FORMAT`` says so. What else is wrong with it is told by who reads the settings, as text."""
    return environ.get("LOG_FORMAT", "").strip() == "json"


def set_up_logging(environ: Mapping[str, str]) -> None:
    """Logs from INFO up, in the format that ``LOG_FORMAT`` (``text`` or ``json``) names."""
    handler = logging.StreamHandler(sys.stderr)
    as_json = logs_json(environ)
    handler.setFormatter(Json() if as_json else Text())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    if as_json:  # what would end up on standard error as it is
        sys.excepthook = _log_uncaught
        logging.captureWarnings(capture=True)


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
