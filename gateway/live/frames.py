"""Server-sent events as text (WHATWG HTML, section 9.2.6 "Interpreting an event stream")."""

import json
import random
from functools import lru_cache
from typing import Any

from broker.event import Event

#: A comment, which clients ignore; it keeps proxies from closing a quiet connection.
HEARTBEAT = b":\n\n"
_MESSAGES = {
    "reset": "Events are missing here; read the state again.",
    "key_ended": "Your API key is not valid any more.",
    "stopped": "This server stops; connect again.",
    "cut_off": "You read too slowly; connect again, with the id of the last event.",
}


def opening() -> bytes:
    """What a stream begins with: how many milliseconds to wait before connecting again.

    A different time for each, so that the listeners of a server that stopped do not all come at once.
    """
    return f"retry: {random.randint(1000, 4000)}\n\n".encode()


def frame(name: str, data: dict[str, Any], event_id: str = "") -> bytes:
    """One event. Without an id the client's last one stays."""
    identity = f"id: {event_id}\n" if event_id else ""
    return f"{identity}event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def notice(name: str) -> bytes:
    """An event about the stream itself: ``reset``, ``stopped``, ``key_ended`` or ``cut_off``."""
    return frame(name, {"message": _MESSAGES[name]})


def frames(events: list[Event]) -> bytes:
    """Events one after another."""
    return b"".join(map(_rendered, events))


@lru_cache(maxsize=1024)
def _rendered(event: Event) -> bytes:
    """The event's text, made once for all of its listeners."""
    return notice(event.kind) if event.fields is None else frame(event.kind, event.fields, event.id)
