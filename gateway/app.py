"""The application factory: everything the HTTP face consists of, put together once."""

from collections.abc import Mapping
from functools import cached_property
from http import HTTPStatus
from typing import Any

from flask import Flask, Request, Response, g

from broker import spans
from broker.broker import Broker
from broker.plugin import Plugin
from broker.secrets.links import SignedLinks
from broker.trace import NONE, Trace, current, from_headers, set_current
from gateway import rate_limit
from gateway.admission import Admission
from gateway.arguments import MAX_JSON_BYTES, StrictRequest
from gateway.blueprint import refuse_undeclared_parameters
from gateway.config import GatewaySettings
from gateway.current import EXTENSION, Services, services
from gateway.errors import register_errors
from gateway.fast.current_request import this_request
from gateway.fast.json_answers import JsonAnswers
from gateway.openapi import make_api
from gateway.page.blueprint import blueprint as page
from gateway.piece import goes_on
from gateway.readiness import StorageProbe
from gateway.required_scopes import check_declared, check_scope
from gateway.routes import BLUEPRINTS
from gateway.server.site import Allowance
from gateway.signed_links import allow_origins, is_signed, preflight
from gateway.upload_requests import allow_origin, is_preflight, is_upload, override_method
from gateway.upload_requests import preflight as upload_preflight


class Gateway(Flask):
    """The WSGI application."""

    request_class = StrictRequest
    json_provider_class = JsonAnswers

    @cached_property
    def _admission(self) -> Admission:
        return Admission(self)

    def wsgi_app(self, environ: Any, start_response: Any) -> Any:
        """As in Flask."""
        override_method(environ)
        return super().wsgi_app(environ, start_response)

    def admit(self, method: str, path: str, authorization: str | None) -> Allowance | None:
        """What the server asks before it takes a large body."""
        return self._admission.admit(method, path, authorization)


def create_app(settings: GatewaySettings, broker: Broker, installed: Mapping[str, Plugin]) -> Gateway:
    """The gateway to ``broker``, offering the ``installed`` plugins by name."""
    app = Gateway("gateway", static_folder=None)
    app.extensions[EXTENSION] = Services(
        settings, broker, installed, SignedLinks(settings.secret_key), StorageProbe(broker)
    )
    app.config["MAX_CONTENT_LENGTH"] = MAX_JSON_BYTES
    app.url_map.merge_slashes = False
    register_errors(app)
    app.before_request(_begin_trace)
    app.before_request(_admit)
    app.after_request(_set_headers)
    app.teardown_request(_end_trace)
    api = make_api(app, broker.types)
    for blueprint in BLUEPRINTS:
        api.register_blueprint(blueprint)
    app.register_blueprint(page)
    check_declared(app)
    return app


def _begin_trace() -> None:
    """What the request is known by in logs, in the tasks that it submits, and in whatever is called on their behalf."""
    asked = this_request()
    headers = asked.environ
    sent = from_headers(*(headers.get(f"HTTP_{name}") for name in ("X_REQUEST_ID", "TRACEPARENT", "TRACESTATE")))
    span = _begun(asked, sent) if spans.wanted() else None
    set_current(span.trace if span else sent.next_hop())
    if span:
        g.span = span


def _begun(asked: Request, sent: Trace) -> spans.Span | None:
    route = str(asked.url_rule or "")
    told = {"http.request.method": asked.method, "url.path": asked.path, "http.route": route}
    return spans.begin("SERVER", f"{asked.method} {route}".rstrip(), sent, told)


def _end_trace(error: BaseException | None) -> None:
    set_current(NONE)
    span: spans.Span | None = g.pop("span", None)
    if span:
        status = g.pop("status", 500)
        what = type(error).__name__ if error else f"{status}"
        span.end(what if error or status >= 500 else "", {"http.response.status_code": status})


def _admit() -> Response | None:
    """Every path under ``/api`` needs a key, also one that does not exist; a signed link stands for a key.

    The page's own files need none, and what anybody adds to their query is not for us.
    """
    asked = this_request()
    if asked.blueprint == page.name:
        return None
    if is_signed(asked.path):
        return preflight() if asked.method == "OPTIONS" else None  # what anybody adds to the query is not for us
    if is_upload(asked.path) and is_preflight(asked, services().settings.upload_origins):
        return upload_preflight()
    if f"{asked.path}/".startswith("/api/"):
        g.caller = services().door.authenticate(asked.headers.get("Authorization"))
        if not goes_on(asked.environ):
            rate_limit.admit(g.caller)
        check_scope(g.caller, asked)
    refuse_undeclared_parameters(asked)
    return None


def _set_headers(response: Response) -> Response:
    """Answers are not cached, unless the route says how, no browser guesses at their type, and nothing has none."""
    if response.status_code == HTTPStatus.NO_CONTENT:
        response.headers.pop("Content-Type", None)
    if not response.headers.getlist("Cache-Control"):
        response.headers.add("Cache-Control", "no-store")
    response.headers.add("X-Content-Type-Options", "nosniff")
    rate_limit.tell(response)
    if name := current().request_id:
        response.headers.add("X-Request-Id", name)
    if "span" in g:
        g.status = response.status_code
    if is_signed(this_request().path):
        allow_origins(response, this_request().headers.get("Origin"), services().settings.stream_origins)
    elif is_upload(this_request().path):
        allow_origin(response, this_request().headers.get("Origin"), services().settings.upload_origins)
    return response
