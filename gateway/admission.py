"""Whose large body is let in, before any of it is kept: the server asks when it has read a request's head."""

import os
import time

from flask import Flask
from werkzeug.exceptions import HTTPException

from broker.errors import Unauthorized, Unavailable
from gateway.arguments import Takes, body_limit
from gateway.auth import Caller, Door
from gateway.current import EXTENSION, Services
from gateway.server.refusal import Refusal
from gateway.server.site import Allowance
from gateway.upload_requests import is_one

#: Seconds for which Redis is left alone that has not answered: the server's loop waits here, and all its clients.
_LEFT_ALONE = 5.0


class Admission:
    """What one process knows of it. Only the thread of the server's loop asks."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._services: Services = app.extensions[EXTENSION]
        self._door = Door(self._services.settings.tenants, self._services.broker.api_keys_at_once)
        self._ask_again = 0.0

    def admit(self, method: str, path: str, authorization: str | None) -> Allowance | None:
        """How much the tenant of this key may send there; ``None`` without a key, or where no body belongs.

        Raises ``Refusal`` while keys cannot be looked up.
        """
        adapter = self._app.url_map.bind("")
        path = path.removeprefix(os.environ.get("SCRIPT_NAME", ""))
        if method == "POST" and is_one(path):
            method = "PATCH"  # as its X-HTTP-Method-Override says; if not, it is refused when it is answered
        try:
            endpoint, _ = adapter.match(path, method)
            takes: Takes | None = getattr(self._app.view_functions[endpoint], "takes", None)
            if takes is None:
                return None
            tenant = self._caller(authorization).tenant
        except (Unauthorized, HTTPException):
            return None
        return Allowance(tenant.name, body_limit(takes, self._services.settings), takes.piece, takes.whole_with)

    def _caller(self, authorization: str | None) -> Caller:
        if time.monotonic() < self._ask_again:
            return self._without_redis(authorization)
        try:
            return self._door.authenticate(authorization)
        except Unavailable:
            self._ask_again = time.monotonic() + _LEFT_ALONE
            raise _refusal() from None

    def _without_redis(self, authorization: str | None) -> Caller:
        found = self._services.settings.tenants.find((authorization or "").partition(" ")[2].strip())
        if found is None:
            raise _refusal()
        return found


def _refusal() -> Refusal:
    return Refusal(503, "Keys cannot be looked up now; try again later.", code="unavailable", retry_after=_LEFT_ALONE)
