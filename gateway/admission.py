"""Whose large body is let in, before any of it is kept: the server asks when it has read a request's head."""

import os

from flask import Flask
from werkzeug.exceptions import HTTPException

from broker.errors import Unauthorized
from gateway.arguments import body_limit
from gateway.current import EXTENSION, Services
from gateway.server.site import Allowance


def admit(app: Flask, method: str, path: str, authorization: str | None) -> Allowance | None:
    """How much the tenant of this key may send there; ``None`` without a key, or where no body belongs."""
    services: Services = app.extensions[EXTENSION]
    try:
        tenant = services.settings.tenants.authenticate(authorization)
        endpoint, _ = app.url_map.bind("").match(path.removeprefix(os.environ.get("SCRIPT_NAME", "")), method)
    except (Unauthorized, HTTPException):
        return None
    schema, location = getattr(app.view_functions[endpoint], "takes", (None, ""))
    return Allowance(tenant.name, body_limit(schema, location, services.settings)) if schema else None
