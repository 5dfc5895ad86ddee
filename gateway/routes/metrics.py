"""``/metrics``, for Prometheus."""

import hmac
from importlib.metadata import version
from pkgutil import resolve_name

from flask import Response, request

from broker.access.scopes import Scope
from gateway.blueprint import Blueprint
from gateway.current import broker, services
from gateway.required_scopes import MONITOR

blueprint = Blueprint("metrics", __name__, url_prefix="/metrics", description="For Prometheus.")


@blueprint.get("")
@blueprint.needs(MONITOR)
@blueprint.tells("text/plain", "application/openmetrics-text")
@blueprint.problems(401, 403, 503)
def get_metrics() -> Response:
    """Tell metrics to a monitoring system

    Needs `METRICS_TOKEN`, or a key with the scope admin, as a bearer token. Any gateway answers for all processes.
    """
    _check_token(request.headers.get("Authorization"))
    # It takes a sixteenth of a second to load, and is seldom asked.
    exposed = resolve_name("gateway.exposition:exposed")
    readings = broker().metrics.read(sorted(broker().types))
    body, content_type = exposed(readings, version("mindia-tasks"), request.headers.get("Accept", ""))
    return Response(body, content_type=content_type)


def _check_token(authorization: str | None) -> None:
    """Raises ``Unauthorized``, ``Forbidden``, ``Unavailable``."""
    token = services().settings.metrics_token
    scheme, _, sent = (authorization or "").partition(" ")
    if token and scheme.lower() == "bearer" and hmac.compare_digest(sent.strip().encode(), token.encode()):
        return
    services().door.authenticate(authorization).require(Scope.ADMIN)
