"""The application factory: everything the HTTP face consists of, put together once."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask, Request, Response, g
from werkzeug.routing import MapAdapter

from broker.broker import Broker
from broker.plugin import Plugin
from broker.secrets.links import SignedLinks
from gateway.arguments import MAX_JSON_BYTES, StrictRequest
from gateway.blueprint import refuse_undeclared_parameters
from gateway.config import GatewaySettings
from gateway.current import EXTENSION, Services, services, this_request
from gateway.errors import register_errors
from gateway.json_answers import JsonAnswers
from gateway.openapi import make_api
from gateway.routes import (
    batch,
    events,
    health,
    images,
    plugin_files,
    plugins,
    queues,
    search,
    streams,
    tasks,
    videos,
    webhooks,
    workers,
)

#: Where the signature in the path stands for a key.
_SIGNED = frozenset({"streams.serve", "plugin_files.download", "plugin_files.source"})


class Gateway(Flask):
    """The WSGI application."""

    request_class = StrictRequest
    json_provider_class = JsonAnswers

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Nothing here is ``async``; Flask asks every function at every call whether it is."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """As in Flask, where every host is served alike; it would work out the host three times."""
        if request is None or "HTTP_UPGRADE" in request.environ:
            return super().create_url_adapter(request)
        query = request.query_string.decode(errors="replace")
        where = (request.host, request.root_path, "", request.scheme)
        return self.url_map.bind(*where, request.method, request.path, query)


def create_app(settings: GatewaySettings, broker: Broker, installed: Mapping[str, Plugin]) -> Gateway:
    """The gateway to ``broker``, offering the ``installed`` plugins by name."""
    app = Gateway("gateway", static_folder=None)
    app.extensions[EXTENSION] = Services(settings, broker, installed, SignedLinks(settings.secret_key))
    app.config["MAX_CONTENT_LENGTH"] = MAX_JSON_BYTES
    app.url_map.merge_slashes = False
    register_errors(app)
    app.before_request(_admit)
    app.after_request(_set_headers)
    api = make_api(app, broker.types)
    media = (videos, streams, images, search, plugins, plugin_files)
    for module in (tasks, batch, events, queues, workers, *media, webhooks, health):
        api.register_blueprint(module.blueprint)
    return app


def _admit() -> None:
    """Everything under ``/api`` needs a key, whether it exists or not; a stream link is one."""
    asked = this_request()
    if f"{asked.path}/".startswith("/api/") and asked.endpoint not in _SIGNED:
        g.tenant = services().settings.tenants.authenticate(asked.headers.get("Authorization"))
    refuse_undeclared_parameters(asked)


def _set_headers(response: Response) -> Response:
    """Answers are of this moment and this caller, and are what they say they are; streams set their own caching."""
    if not response.headers.getlist("Cache-Control"):
        response.headers.add("Cache-Control", "no-store")
    response.headers.add("X-Content-Type-Options", "nosniff")
    return response
