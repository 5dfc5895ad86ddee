"""An answer while it is sent: made piece by piece, as the client takes it."""

import logging
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any

from gunicorn.http import wsgi
from gunicorn.http.message import Request

from gateway.live.handover import CLOSE, DETACH, HANG_UP
from gateway.server.outbox import Outbox
from gateway.server.refusal import Refusal

log = logging.getLogger(__name__)

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Answer:
    """The application's answer to one request. Threads work on it in turns; none of them waits for the client."""

    def __init__(self, request: Request, sock: socket.socket, peer: Any, server: Any, cfg: Any) -> None:
        self._socket = sock
        self._outbox = Outbox(sock)
        self.request = request
        self.response, self.environ = wsgi.create(request, self._outbox, peer, server, cfg)
        self.environ["wsgi.multithread"] = True
        self.environ[DETACH] = self._detach
        self.environ[CLOSE] = self.response.force_close
        #: Whether the connection is in other hands.
        self.detached = False
        self.failed = False
        self._began = time.monotonic()
        self._iterable: Any = ()
        self._pieces: Iterator[bytes] | None = None
        self._ended = False

    @property
    def succeeded(self) -> bool:
        """Whether the application, having begun, says that all is well."""
        return not self.failed and str(self.response.status).startswith("2")

    @property
    def age(self) -> timedelta:
        """Since the application was asked."""
        return timedelta(seconds=time.monotonic() - self._began)

    def offer_hang_up(self, listen: Callable[[Callable[[], None]], None]) -> None:
        """Lets the application ask to be told when the client goes."""
        self.environ[HANG_UP] = listen

    def begin(self, application: Application) -> None:
        """Asks the application, which may take its time."""
        try:
            self._iterable = application(self.environ, self.response.start_response)
            self._pieces = iter(self._iterable)
            if isinstance(self._iterable, wsgi.FileWrapper) and self.response.sendfile(self._iterable):
                self._pieces = iter(())
        except Exception:
            self._fail()

    def advance(self) -> bool:
        """Sends what the client takes now; whether that was the end."""
        try:
            while self._outbox.flush():
                if self._ended:
                    return True
                self._produce()
            return False
        except OSError:  # it has gone
            self.failed = True
            return True

    def close(self) -> None:
        """Ends it, sent or not."""
        try:
            if hasattr(self._iterable, "close"):
                self._iterable.close()
        except Exception:
            log.exception("%s %s: the end of the answer failed", self.request.method, self.request.path)

    def _produce(self) -> None:
        try:
            piece = next(self._pieces, None) if self._pieces else None
            if piece is not None:
                self.response.write(piece)
                return
            self._ended = True
            if not self.detached and not self.failed:
                self.response.close()
        except Exception:
            self._fail()

    def _fail(self) -> None:
        """The application's fault: told by 500 while nothing was said, else by the connection's end."""
        log.exception("%s %s failed", self.request.method, self.request.path)
        self.failed = self._ended = True
        self._outbox.clear()
        if not self._outbox.begun:
            detail = "Something went wrong here; it was logged."
            self._outbox.sendall(Refusal(500, detail, code="internal_error", path=self.request.path).answer())

    def _detach(self) -> socket.socket:
        self.detached = True
        return self._socket.dup()
