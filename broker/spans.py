"""OpenTelemetry spans, where its SDK is installed and told where to send them; else nothing of it is imported.

The gateway's requests are server spans, submissions producer spans, runs consumer spans, in one trace from the caller
to the handler. They are sent as OpenTelemetry's own variables say (``OTEL_TRACES_EXPORTER``, ``OTEL_EXPORTER_OTLP_…``);
names and attributes are those of its semantic conventions for HTTP and messaging.
"""

import logging
import os
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

from broker.trace import Trace

log = logging.getLogger(__name__)
#: What says that spans are wanted.
_WANTED = ("OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


class Span(Protocol):
    """One that goes on, current in the thread in which it began and in which it is ended."""

    #: What whatever is done in it is known by.
    trace: Trace

    def end(self, error: str = "", attributes: Mapping[str, str | int] | None = None) -> None:
        """It ends now, well or with an error."""


def wanted() -> bool:
    """Whether anybody does; to be asked before a name and attributes are made."""
    return _otel(os.getpid()) is not None


def begin(kind: str, name: str, known: Trace, attributes: Mapping[str, str | int]) -> Span | None:
    """A span inside that of ``known``; where nobody wants any, ``None``.

    ``kind`` is ``SERVER``, ``PRODUCER`` or ``CONSUMER``.
    """
    otel = _otel(os.getpid())
    return otel.begin(kind, name, known, attributes) if otel else None


def of_message(operation: str, type_name: str, task_id: str = "") -> dict[str, str | int]:
    """The attributes of what is done with a task."""
    named: dict[str, str | int] = {"messaging.message.id": task_id} if task_id else {}
    told = {"messaging.operation.type": operation, "messaging.destination.name": type_name}
    return {"messaging.system": "mindia_tasks", **told, **named}


def flush() -> None:
    """Sends what is not sent yet: the process ends."""
    if otel := _otel(os.getpid()):
        otel.flush()


def reset() -> None:
    """Looks again, with the next span, whether any are wanted."""
    _otel.cache_clear()


@cache
def _otel(_: int) -> Any:
    """Of this process: a forked one has to begin anew, because the threads that send spans are not copied."""
    environ = os.environ
    wanted = any(environ.get(name) for name in _WANTED) and environ.get("OTEL_TRACES_EXPORTER") != "none"
    if not wanted or environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None:
        log.warning("spans are to be sent, and OpenTelemetry's SDK is not installed: the extra otel brings it")
        return None
    otel = import_module("broker.otel")
    otel.set_up()
    return otel
