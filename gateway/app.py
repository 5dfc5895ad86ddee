"""The application factory: everything the HTTP face consists of, put together once."""

from collections.abc import Mapping
from http import HTTPStatus

from flask import Flask, Response, g

from broker.broker import Broker
from broker.plugin import Plugin
from broker.secrets.links import SignedLinks
from gateway.admission import admit
from gateway.arguments import MAX_JSON_BYTES, StrictRequest
from gateway.blueprint import refuse_undeclared_parameters
from gateway.config import GatewaySettings
from gateway.current import EXTENSION, Services, services
from gateway.errors import register_errors
from gateway.fast.current_request import this_request
from gateway.fast.json_answers import JsonAnswers
from gateway.openapi import make_api
from gateway.readiness import StorageProbe
from gateway.routes import BLUEPRINTS
from gateway.server.site import Allowance
from gateway.signed_links import allow_all_origins, is_signed, preflight


class Gateway(Flask):
    """The WSGI application."""

    request_class = StrictRequest
    json_provider_class = JsonAnswers

    def admit(self, method: str, path: str, authorization: str | None) -> Allowance | None:
        """What the server asks before it takes a large body."""
        return admit(self, method, path, authorization)


def create_app(settings: GatewaySettings, broker: Broker, installed: Mapping[str, Plugin]) -> Gateway:
    """The gateway to ``broker``, offering the ``installed`` plugins by name."""
    app = Gateway("gateway", static_folder=None)
    app.extensions[EXTENSION] = Services(
        settings, broker, installed, SignedLinks(settings.secret_key), StorageProbe(broker)
    )
    app.config["MAX_CONTENT_LENGTH"] = MAX_JSON_BYTES
    app.url_map.merge_slashes = False
    register_errors(app)
    app.before_request(_admit)
    app.after_request(_set_headers)
    api = make_api(app, broker.types)
    for blueprint in BLUEPRINTS:
        api.register_blueprint(blueprint)
    return app


def _admit() -> Response | None:
    """Every path under ``/api`` needs a key, also one that does not exist; a signed link stands for a key."""
    asked = this_request()
    if is_signed(asked.path):
        return preflight() if asked.method == "OPTIONS" else None  # what anybody adds to the query is not for us
    if f"{asked.path}/".startswith("/api/"):
        g.tenant = services().settings.tenants.authenticate(asked.headers.get("Authorization"))
    refuse_undeclared_parameters(asked)
    return None


def _set_headers(response: Response) -> Response:
    """Answers are not cached, unless the route says how, no browser guesses at their type, and nothing has none."""
    if response.status_code == HTTPStatus.NO_CONTENT:
        response.headers.pop("Content-Type", None)
    if not response.headers.getlist("Cache-Control"):
        response.headers.add("Cache-Control", "no-store")
    response.headers.add("X-Content-Type-Options", "nosniff")
    if is_signed(this_request().path):
        allow_all_origins(response)
    return response
