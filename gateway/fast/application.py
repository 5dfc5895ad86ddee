"""How Flask dispatches a request."""

from collections.abc import Callable
from typing import Any

from flask import Flask, Request
from werkzeug.routing import MapAdapter


class FastFlask(Flask):
    """Flask, where no view is ``async`` and every host is served alike."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Flask asks every function at every call whether it is a coroutine function; here none is."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Binds the URL map to a request; Flask works out the host three times on the way."""
        if request is None or "HTTP_UPGRADE" in request.environ:
            return super().create_url_adapter(request)
        query = request.query_string.decode(errors="replace")
        where = (request.host, request.root_path, "", request.scheme)
        return self.url_map.bind(*where, request.method, request.path, query)
