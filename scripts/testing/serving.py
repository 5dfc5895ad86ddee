"""The gateway, served in a thread of the test's process by the server that the Procfile names."""

import socket
import threading
from collections.abc import Callable
from typing import Any

from gunicorn.config import Config

from gateway.server.limits import Limits
from gateway.server.loop import Loop
from gateway.server.site import Site, admit_nobody
from gateway.server.threads import Threads

_PATIENCE = 10.0


class Serving:
    """One WSGI application, until ``close``. ``after`` is called behind each answer that may have changed something."""

    def __init__(self, application: Any, after: Callable[[], None]) -> None:
        self._application, self._after = application, after
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = Threads(8)
        site = Site(Config(), self, limits=Limits(), admit=getattr(application, "admit", admit_nobody))
        self._loop = Loop(site, [self._listener], self._threads.submit)
        self._thread = threading.Thread(target=self._loop.run, args=(lambda: True,), name="gateway", daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __call__(self, request: dict[str, Any], start_response: Any) -> Any:
        answer = self._application(request, start_response)
        if request["REQUEST_METHOD"] not in ("GET", "HEAD", "OPTIONS"):
            self._after()
        return answer

    def close(self) -> None:
        """Ends its connections and threads."""
        self._loop.stop()
        self._thread.join(_PATIENCE)
        self._loop.finish(_PATIENCE, 0.0, lambda: True)
        self._loop.close()
        self._threads.stop()
        self._listener.close()
