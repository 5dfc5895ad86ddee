"""How processes log: one line per event to standard error, as text or (``LOG_FORMAT=json``) as JSON."""

import json
import logging
import sys
from collections.abc import Mapping
from types import TracebackType

from broker.clock import to_rfc3339


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": to_rfc3339(round(record.created * 1_000_000)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        # A line break in a message could forge another line.
        line = super().format(record)
        return line if record.exc_info else line.replace("\n", "\\n").replace("\r", "\\r")


def logs_json(environ: Mapping[str, str]) -> bool:
    """Whether ``LOG_FORMAT`` says so. What else is wrong with it is told by who reads the settings, as text."""
    return environ.get("LOG_FORMAT", "").strip() == "json"


def set_up_logging(environ: Mapping[str, str]) -> None:
    """Logs from INFO up, in the format that ``LOG_FORMAT`` (``text`` or ``json``) names."""
    handler = logging.StreamHandler(sys.stderr)
    as_json = logs_json(environ)
    handler.setFormatter(_Json() if as_json else _Text("%(levelname)-7s %(name)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    if as_json:  # what would end up on standard error as it is
        sys.excepthook = _log_uncaught
        logging.captureWarnings(capture=True)


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        logging.getLogger("broker").info("interrupted")
    else:
        logging.getLogger("broker").critical("ended by an error", exc_info=(kind, error, trace))
