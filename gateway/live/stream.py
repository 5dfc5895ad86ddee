"""The answer that never ends by itself: its head goes out through the server, everything else through the hub."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from flask import Response

from broker.event import Event
from gateway.live.connection import Connection
from gateway.live.frames import frames, opening
from gateway.live.handover import announce_end, take_over
from gateway.live.hub import Hub

MIMETYPE = "text/event-stream"
#: Gives a connection to a hub, and answers which.
Adopt = Callable[[Connection], Hub]


class Source(Protocol):
    """Where a stream's events come from: a subscription, or what follows a log."""

    #: Empty for what does not end with a task.
    task_id: str

    def begin(self, sink: Callable[[list[Event]], None], after: str) -> None:
        """From now on every event later than ``after`` goes to ``sink``."""

    def close(self) -> None:
        """Nothing more is told; may be repeated."""


def stream(
    subscription: Source,
    first: bytes,
    after: str,
    *,
    ended: bool = False,
    adopt: Adopt,
    environ: dict[str, Any],
) -> Response:
    """Sends ``first`` and, unless the stream has ``ended`` with it, all that happens later than the event ``after``.

    ``environ`` is the request's, whose connection ``adopt`` takes over.
    """
    announce_end(environ)
    body = _Body(subscription, first, after, ended, adopt, environ)
    response = Response(body, mimetype=MIMETYPE)
    # Proxies that collect an answer before they pass it on are asked not to (nginx, "proxy_buffering").
    response.headers["X-Accel-Buffering"] = "no"
    response.headers["Cache-Control"] = "no-store"
    return response


class _Body:
    """What the server sends; when it asks for more, it has lost the connection to the hub."""

    def __init__(
        self, subscription: Source, first: bytes, after: str, ended: bool, adopt: Adopt, wsgi: dict[str, Any]
    ) -> None:
        self._subscription = subscription
        self._first, self._after, self._ended = first, after, ended
        self._adopt, self._wsgi = adopt, wsgi
        self._adopted = False

    def __iter__(self) -> Iterator[bytes]:
        yield opening()
        chunked = self._wsgi["SERVER_PROTOCOL"] != "HTTP/1.0"  # as gunicorn decides
        on_close = self._subscription.close
        connection = Connection(take_over(self._wsgi), chunked=chunked, on_close=on_close)
        self._adopted = True
        hub = self._adopt(connection)
        self._begin(connection, hub)

    def close(self) -> None:
        """At the end of the request: unsubscribes a client that sent HEAD, or was gone before the hub took over."""
        if not self._adopted:
            self._subscription.close()

    def _begin(self, connection: Connection, hub: Hub) -> None:
        connection.allow(len(self._first))
        connection.offer(self._first, last=self._ended)
        if not self._ended:
            self._subscription.begin(lambda events: self._tell(connection, hub, events), self._after)
        hub.look_at(connection)

    def _tell(self, connection: Connection, hub: Hub, events: list[Event]) -> None:
        told = [event for event in events if event.kind != "stopped"]  # the hub tells that
        if told:
            last = bool(self._subscription.task_id) and any(event.is_last for event in told)
            connection.offer(frames(told), last=last)
            hub.look_at(connection)
